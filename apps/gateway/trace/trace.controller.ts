import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { TraceQuery } from '../../../workflows/contract/schema/list-query.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { AttemptWire } from './attempt.wire.js';
import { TraceService } from './trace.service.js';

@ApiTags('trace')
@Controller('v1/sessions/:session_id/trace')
export class TraceController {
  readonly #trace: TraceService;

  constructor(@Inject(TraceService) trace: TraceService) {
    this.#trace = trace;
  }

  @Get()
  @ApiOperation({ summary: 'One row per attempt of every step (extension)' })
  @Answers(200, listOf(AttemptWire))
  list(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string, @Query({ schema: TraceQuery }) query: TraceQuery) {
    return this.#trace.list(workspace, id, query);
  }
}
