import { Body, Controller, Get, Headers, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { InvocationRecord } from '../../../workflows/contract/records.js';
import { InvokeRequest } from '../../../workflows/contract/schema/invoke.js';
import { EventStreamQuery } from '../../../workflows/contract/schema/list-query.js';
import { Answers } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { untilGone } from '../http/until-gone.js';
import { SessionStreams } from '../stream/session-streams.js';
import { InvocationWire, toInvocationWire } from './invocation.wire.js';
import { InvocationLinks } from './invocation-links.js';
import { InvokeService, isSettled } from './invoke.service.js';

const InvokeQuery = EventStreamQuery.pick({ event_deltas: true });
type InvokeQuery = z.output<typeof InvokeQuery>;

@ApiTags('invoke')
@Controller('v1')
export class InvokeController {
  readonly #service: InvokeService;
  readonly #streams: SessionStreams;
  readonly #links: InvocationLinks;

  constructor(@Inject(InvokeService) service: InvokeService, @Inject(SessionStreams) streams: SessionStreams, @Inject(InvocationLinks) links: InvocationLinks) {
    this.#service = service;
    this.#streams = streams;
    this.#links = links;
  }

  @Post('invoke')
  @ApiOperation({
    summary: 'Run a task: model, system prompt, tools and input in one call',
    description:
      'Waits for the turn to end (`wait`), streams its events (`stream`, server-sent events, the last one named `rondo.invocation`), or answers at once (`background`). ' +
      'Send `session_id` instead of a model to go on with a session.',
  })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'Unique per workspace; the same key and body give the same invocation.' })
  @ApiProduces('application/json', 'text/event-stream')
  @Answers(200, InvocationWire, 'The turn ended, or needs an action of the client.')
  @Answers(202, InvocationWire, 'Accepted and not ended yet; Location names the invocation.')
  async invoke(
    @Workspace() workspace: string,
    @Body({ schema: InvokeRequest }) body: InvokeRequest,
    @Query({ schema: InvokeQuery }) query: InvokeQuery,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    if (body.mode === 'stream') this.#streams.admit(response);
    const accepted = await this.#service.accept(workspace, body, checkedKey(key));
    if (body.mode === 'stream') return this.stream(workspace, accepted, query.event_deltas ?? [], response);
    const waitMs = body.mode === 'wait' ? body.timeout_seconds * 1_000 : 0;
    const invocation = await this.#service.wait(workspace, accepted, waitMs, untilGone(response));
    const wire = this.toWire(invocation, request);
    response
      .status(body.mode === 'wait' && isSettled(invocation) ? 200 : 202)
      .location(wire.links.self)
      .json(wire);
  }

  @Get('invocations/:invocation_id')
  @ApiOperation({ summary: 'Retrieve an invocation' })
  @Answers(200, InvocationWire)
  async retrieve(@Workspace() workspace: string, @Param('invocation_id', pathId('invocation')) id: string, @Req() request: Request) {
    return this.toWire(await this.#service.retrieve(workspace, id), request);
  }

  private async stream(workspaceId: string, invocation: InvocationRecord, deltaTypes: readonly string[], response: Response): Promise<void> {
    await this.#streams.serve(response, {
      workspaceId,
      sessionId: invocation.sessionId,
      after: await this.#service.startOf(workspaceId, invocation),
      deltaTypes,
      lastFrame: async () => {
        const now = await this.#service.look(workspaceId, invocation.id);
        return now?.endedAt ? { event: 'rondo.invocation', data: { type: 'rondo.invocation', invocation: this.toWire(now, response.req) } } : undefined;
      },
    });
  }

  private toWire(invocation: InvocationRecord, request: Request) {
    return toInvocationWire(invocation, this.#links.of(invocation, request));
  }
}

function checkedKey(key: string | undefined): string | undefined {
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new RondoError('request.invalid', 'Idempotency-Key: must be 1 to 255 visible ASCII characters.');
}
