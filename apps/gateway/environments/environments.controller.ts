import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { EnvironmentCreate } from '../../../workflows/contract/schema/environment.js';
import { EnvironmentListQuery } from '../../../workflows/contract/schema/list-query.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { EnvironmentWire } from './environment.wire.js';
import { EnvironmentsService } from './environments.service.js';

@ApiTags('environments')
@Controller('v1/environments')
export class EnvironmentsController {
  readonly #environments: EnvironmentsService;

  constructor(@Inject(EnvironmentsService) environments: EnvironmentsService) {
    this.#environments = environments;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Create an environment' })
  @Answers(200, EnvironmentWire)
  create(@Workspace() workspace: string, @Body({ schema: EnvironmentCreate }) body: EnvironmentCreate) {
    return this.#environments.create(workspace, body);
  }

  @Get()
  @ApiOperation({ summary: 'List environments, newest first' })
  @Answers(200, listOf(EnvironmentWire))
  list(@Workspace() workspace: string, @Query({ schema: EnvironmentListQuery }) query: EnvironmentListQuery) {
    return this.#environments.list(workspace, query);
  }

  @Get(':environment_id')
  @ApiOperation({ summary: 'Retrieve an environment' })
  @Answers(200, EnvironmentWire)
  retrieve(@Workspace() workspace: string, @Param('environment_id', pathId('environment')) id: string) {
    return this.#environments.retrieve(workspace, id);
  }
}
