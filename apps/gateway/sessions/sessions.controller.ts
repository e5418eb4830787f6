import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { SessionListQuery } from '../../../workflows/contract/schema/list-query.js';
import { SessionCreate, SessionUpdate } from '../../../workflows/contract/schema/session-create.js';
import { Answers, twoWayListOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { SessionWire } from './session.wire.js';
import { SessionsService } from './sessions.service.js';

const SessionDeleted = z.looseObject({ id: z.string(), type: z.literal('session_deleted') });

@ApiTags('sessions')
@Controller('v1/sessions')
export class SessionsController {
  readonly #sessions: SessionsService;

  constructor(@Inject(SessionsService) sessions: SessionsService) {
    this.#sessions = sessions;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Create a session, and start it when initial_events are given' })
  @Answers(200, SessionWire)
  create(@Workspace() workspace: string, @Body({ schema: SessionCreate }) body: SessionCreate) {
    return this.#sessions.create(workspace, body);
  }

  @Get()
  @ApiOperation({ summary: 'List sessions' })
  @Answers(200, twoWayListOf(SessionWire))
  list(@Workspace() workspace: string, @Query({ schema: SessionListQuery }) query: SessionListQuery) {
    return this.#sessions.list(workspace, query);
  }

  @Get(':session_id')
  @ApiOperation({ summary: 'Retrieve a session' })
  @Answers(200, SessionWire)
  retrieve(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string) {
    return this.#sessions.retrieve(workspace, id);
  }

  @Post(':session_id')
  @HttpCode(200)
  @ApiOperation({ summary: 'Change title, metadata, budget or network policy of a session; while it is idle also its tools and MCP servers' })
  @Answers(200, SessionWire)
  update(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string, @Body({ schema: SessionUpdate }) body: SessionUpdate) {
    return this.#sessions.update(workspace, id, body);
  }

  @Delete(':session_id')
  @ApiOperation({ summary: 'Delete an idle session with its events' })
  @Answers(200, SessionDeleted)
  remove(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string) {
    return this.#sessions.remove(workspace, id);
  }

  @Post(':session_id/archive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Archive an idle session: it is terminated, its events stay' })
  @Answers(200, SessionWire)
  archive(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string) {
    return this.#sessions.archive(workspace, id);
  }

  @Post(':session_id/kill')
  @HttpCode(200)
  @ApiOperation({ summary: 'Terminate a session at once and for good (extension)' })
  @Answers(200, SessionWire)
  kill(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string) {
    return this.#sessions.kill(workspace, id);
  }
}
