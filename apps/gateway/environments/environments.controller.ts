import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { EnvironmentCreate, EnvironmentUpdate } from '../../../workflows/contract/schema/environment.js';
import { EnvironmentListQuery } from '../../../workflows/contract/schema/list-query.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { EnvironmentDeletedWire, EnvironmentWire } from './environment.wire.js';
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

  @Post(':environment_id')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Update an environment',
    description: 'What is left out stays, also inside the configuration; its type cannot change. Sandboxes made from now on have the new configuration.',
  })
  @Answers(200, EnvironmentWire)
  update(
    @Workspace() workspace: string,
    @Param('environment_id', pathId('environment')) id: string,
    @Body({ schema: EnvironmentUpdate }) body: EnvironmentUpdate,
  ) {
    return this.#environments.update(workspace, id, body);
  }

  @Post(':environment_id/archive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Archive an environment: no updates, no new sessions; those it has go on' })
  @Answers(200, EnvironmentWire)
  archive(@Workspace() workspace: string, @Param('environment_id', pathId('environment')) id: string) {
    return this.#environments.archive(workspace, id);
  }

  @Delete(':environment_id')
  @ApiOperation({ summary: 'Delete an environment that has no sessions' })
  @Answers(200, EnvironmentDeletedWire)
  remove(@Workspace() workspace: string, @Param('environment_id', pathId('environment')) id: string) {
    return this.#environments.remove(workspace, id);
  }
}
