import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { EventListQuery, EventStreamQuery } from '../../../workflows/contract/schema/list-query.js';
import { EventsSend } from '../../../workflows/contract/schema/session-create.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { replayFrom } from '../stream/replay-from.js';
import { SessionStreams } from '../stream/session-streams.js';
import { EventWire } from './event.wire.js';
import { EventsService } from './events.service.js';

@ApiTags('events')
@Controller('v1/sessions/:session_id/events')
export class EventsController {
  readonly #events: EventsService;
  readonly #streams: SessionStreams;

  constructor(@Inject(EventsService) events: EventsService, @Inject(SessionStreams) streams: SessionStreams) {
    this.#events = events;
    this.#streams = streams;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Send inputs to a session, all or nothing' })
  @Answers(200, z.looseObject({ data: z.array(EventWire) }))
  send(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string, @Body({ schema: EventsSend }) body: EventsSend) {
    return this.#events.send(workspace, id, body);
  }

  @Get()
  @ApiOperation({ summary: 'List the events of a session: its log, then the inputs that wait' })
  @Answers(200, listOf(EventWire))
  list(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string, @Query({ schema: EventListQuery }) query: EventListQuery) {
    return this.#events.list(workspace, id, query);
  }

  @Get('stream')
  @ApiOperation({
    summary: 'Follow a session as server-sent events',
    description:
      'Live from now on; replays what follows an event when Last-Event-ID (or after) names its number. event_deltas[] opts in to text on its way, rondo.tool_output in it to what running commands print. Ends after session.deleted or session.status_terminated.',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Number of the last event seen, as in its id line.' })
  @ApiProduces('text/event-stream')
  async stream(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) id: string,
    @Query({ schema: EventStreamQuery }) query: EventStreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    const after = replayFrom(lastEventId, query.after);
    await this.#streams.serve(response, { workspaceId: workspace, sessionId: id, after, deltaTypes: query.event_deltas ?? [] });
  }
}
