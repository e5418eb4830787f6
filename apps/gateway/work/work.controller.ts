import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { WorkHeartbeatQuery, WorkListQuery, WorkPollQuery, WorkStop, WorkUpdate } from '../../../workflows/contract/schema/work.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import type { Principal } from '../http/principal.js';
import { Caller } from '../http/request-context.js';
import { untilGone } from '../http/until-gone.js';
import { WorkService } from './work.service.js';
import { WorkHeartbeatWire, WorkStatsWire, WorkWire } from './work.wire.js';

const LONGEST_WORKER_ID = 256;

@ApiTags('work')
@Controller('v1/environments/:environment_id/work')
export class WorkController {
  readonly #work: WorkService;

  constructor(@Inject(WorkService) work: WorkService) {
    this.#work = work;
  }

  // The literal paths come first: the router takes the first that matches.
  @Get('poll')
  @ApiOperation({ summary: 'Ask for work, with an environment key; null when there is none' })
  @ApiHeader({ name: 'Anthropic-Worker-ID', required: false, description: 'How the worker names itself, for the statistics.' })
  @Answers(200, WorkWire.nullable())
  async poll(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Query({ schema: WorkPollQuery }) query: WorkPollQuery,
    @Headers('anthropic-worker-id') workerId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    const offer = await this.#work.poll(principal, environmentId, query, workerId?.slice(0, LONGEST_WORKER_ID), untilGone(response));
    // Nest would answer null with an empty body, which the SDK's poller takes for an item.
    response.json(offer);
  }

  @Get('stats')
  @ApiOperation({ summary: 'The queue in numbers' })
  @Answers(200, WorkStatsWire)
  stats(@Caller() principal: Principal, @Param('environment_id', pathId('environment')) environmentId: string) {
    return this.#work.stats(principal, environmentId);
  }

  @Get()
  @ApiOperation({ summary: 'List work items, newest first' })
  @Answers(200, listOf(WorkWire))
  list(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Query({ schema: WorkListQuery }) query: WorkListQuery,
  ) {
    return this.#work.list(principal, environmentId, query);
  }

  @Get(':work_id')
  @ApiOperation({ summary: 'Retrieve a work item' })
  @Answers(200, WorkWire)
  retrieve(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Param('work_id', pathId('work')) workId: string,
  ) {
    return this.#work.retrieve({ principal, environmentId, workId });
  }

  @Post(':work_id')
  @HttpCode(200)
  @ApiOperation({ summary: 'Change metadata: a string sets a key, null deletes it' })
  @Answers(200, WorkWire)
  update(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Param('work_id', pathId('work')) workId: string,
    @Body({ schema: WorkUpdate }) body: WorkUpdate,
  ) {
    return this.#work.update({ principal, environmentId, workId }, body);
  }

  @Post(':work_id/ack')
  @HttpCode(200)
  @ApiOperation({ summary: 'Acknowledge an offered item: it leaves the queue' })
  @Answers(200, WorkWire)
  acknowledge(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Param('work_id', pathId('work')) workId: string,
  ) {
    return this.#work.acknowledge({ principal, environmentId, workId });
  }

  @Post(':work_id/heartbeat')
  @HttpCode(200)
  @ApiOperation({ summary: "Extend the lease; 412 when it is another worker's" })
  @Answers(200, WorkHeartbeatWire)
  heartbeat(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Param('work_id', pathId('work')) workId: string,
    @Query({ schema: WorkHeartbeatQuery }) query: WorkHeartbeatQuery,
  ) {
    return this.#work.heartbeat({ principal, environmentId, workId }, query);
  }

  @Post(':work_id/stop')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop an item: by its worker, or at once with force; 409 when it is stopped already' })
  @Answers(200, WorkWire)
  stop(
    @Caller() principal: Principal,
    @Param('environment_id', pathId('environment')) environmentId: string,
    @Param('work_id', pathId('work')) workId: string,
    @Body({ schema: WorkStop }) body: WorkStop,
  ) {
    return this.#work.stop({ principal, environmentId, workId }, body.force === true);
  }
}
