import { Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { EventListQuery, EventStreamQuery, ThreadListQuery } from '../../../workflows/contract/schema/list-query.js';
import { EventWire } from '../events/event.wire.js';
import { EventsService } from '../events/events.service.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { replayFrom } from '../stream/replay-from.js';
import { SessionStreams } from '../stream/session-streams.js';
import { ThreadWire } from './thread.wire.js';
import { ThreadsService } from './threads.service.js';

@ApiTags('threads')
@Controller('v1/sessions/:session_id/threads')
export class ThreadsController {
  readonly #threads: ThreadsService;
  readonly #events: EventsService;
  readonly #streams: SessionStreams;

  constructor(@Inject(ThreadsService) threads: ThreadsService, @Inject(EventsService) events: EventsService, @Inject(SessionStreams) streams: SessionStreams) {
    this.#threads = threads;
    this.#events = events;
    this.#streams = streams;
  }

  @Get()
  @ApiOperation({ summary: 'List the threads of a session: its primary one' })
  @Answers(200, listOf(ThreadWire))
  list(@Workspace() workspace: string, @Param('session_id', pathId('session')) session: string, @Query({ schema: ThreadListQuery }) query: ThreadListQuery) {
    return this.#threads.list(workspace, session, query);
  }

  @Get(':thread_id')
  @ApiOperation({ summary: 'Retrieve a thread' })
  @Answers(200, ThreadWire)
  retrieve(@Workspace() workspace: string, @Param('session_id', pathId('session')) session: string, @Param('thread_id', pathId('thread')) id: string) {
    return this.#threads.retrieve(workspace, session, id);
  }

  @Post(':thread_id/archive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Archive a thread. The primary thread cannot be archived: archive its session' })
  @Answers(200, ThreadWire)
  archive(@Workspace() workspace: string, @Param('session_id', pathId('session')) session: string, @Param('thread_id', pathId('thread')) id: string) {
    return this.#threads.archive(workspace, session, id);
  }

  @Get(':thread_id/events')
  @ApiOperation({ summary: 'List the events of a thread' })
  @Answers(200, listOf(EventWire))
  async events(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) session: string,
    @Param('thread_id', pathId('thread')) id: string,
    @Query({ schema: EventListQuery }) query: EventListQuery,
  ) {
    await this.#threads.require(workspace, session, id);
    return this.#events.list(workspace, session, query);
  }

  @Get(':thread_id/stream')
  @ApiOperation({ summary: 'Follow a thread as server-sent events' })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Number of the last event seen, as in its id line.' })
  @ApiProduces('text/event-stream')
  async stream(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) session: string,
    @Param('thread_id', pathId('thread')) id: string,
    @Query({ schema: EventStreamQuery }) query: EventStreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    await this.#threads.require(workspace, session, id);
    const after = replayFrom(lastEventId, query.after);
    await this.#streams.serve(response, { workspaceId: workspace, sessionId: session, after, deltaTypes: query.event_deltas ?? [] });
  }
}
