import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { NetworkRequestListQuery } from '../../../workflows/contract/schema/list-query.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { NetworkRequestWire } from './network-request.wire.js';
import { NetworkRequestsService } from './network-requests.service.js';

const JSON_LINES = 'application/x-ndjson';
const DESCRIPTION = `A page, or with \`Accept: ${JSON_LINES}\` everything from there on, one item in each line. In the order in which requests ended.`;

@ApiTags('trace')
@Controller('v1')
export class NetworkRequestsController {
  readonly #requests: NetworkRequestsService;

  constructor(@Inject(NetworkRequestsService) requests: NetworkRequestsService) {
    this.#requests = requests;
  }

  @Get('sessions/:session_id/network_requests')
  @ApiOperation({ summary: 'What a session asked of the outside: one line for each request (extension)', description: DESCRIPTION })
  @ApiProduces('application/json', JSON_LINES)
  @Answers(200, listOf(NetworkRequestWire))
  ofSession(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) id: string,
    @Query({ schema: NetworkRequestListQuery }) query: NetworkRequestListQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.#answer(workspace, id, query, request, response);
  }

  @Get('network_requests')
  @ApiOperation({ summary: 'What all sessions of the workspace asked of the outside (extension)', description: DESCRIPTION })
  @ApiProduces('application/json', JSON_LINES)
  @Answers(200, listOf(NetworkRequestWire))
  ofWorkspace(
    @Workspace() workspace: string,
    @Query({ schema: NetworkRequestListQuery }) query: NetworkRequestListQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.#answer(workspace, undefined, query, request, response);
  }

  async #answer(workspace: string, sessionId: string | undefined, query: NetworkRequestListQuery, request: Request, response: Response): Promise<void> {
    if (request.accepts(['application/json', JSON_LINES]) !== JSON_LINES) {
      response.json(await this.#requests.list(workspace, sessionId, query));
      return;
    }
    const lines = await this.#requests.export(workspace, sessionId, query);
    response.type(JSON_LINES);
    // An export that cannot go on ends short, so that it is not taken for a whole one.
    await pipeline(Readable.from(lines), response).catch(() => response.destroy());
  }
}
