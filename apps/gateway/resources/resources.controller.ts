import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ResourceListQuery } from '../../../workflows/contract/schema/list-query.js';
import { FileResource, ResourceUpdate } from '../../../workflows/contract/schema/resource.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { ResourceWire } from './resource.wire.js';
import { ResourcesService } from './resources.service.js';

const ResourceDeleted = z.looseObject({ id: z.string(), type: z.literal('session_resource_deleted') });

@ApiTags('sessions')
@Controller('v1/sessions/:session_id/resources')
export class ResourcesController {
  readonly #resources: ResourcesService;

  constructor(@Inject(ResourcesService) resources: ResourcesService) {
    this.#resources = resources;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Attach a file to a session; it is in the sandbox before the next tool call' })
  @Answers(200, ResourceWire)
  add(@Workspace() workspace: string, @Param('session_id', pathId('session')) session: string, @Body({ schema: FileResource }) body: FileResource) {
    return this.#resources.add(workspace, session, body);
  }

  @Get()
  @ApiOperation({ summary: 'List what is attached to a session' })
  @Answers(200, listOf(ResourceWire))
  list(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) session: string,
    @Query({ schema: ResourceListQuery }) query: ResourceListQuery,
  ) {
    return this.#resources.list(workspace, session, query);
  }

  @Get(':resource_id')
  @ApiOperation({ summary: 'Retrieve one resource of a session' })
  @Answers(200, ResourceWire)
  retrieve(@Workspace() workspace: string, @Param('session_id', pathId('session')) session: string, @Param('resource_id', pathId('resource')) id: string) {
    return this.#resources.retrieve(workspace, session, id);
  }

  @Post(':resource_id')
  @HttpCode(200)
  @ApiOperation({ summary: "Replace a repository's token" })
  @Answers(200, ResourceWire)
  update(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) session: string,
    @Param('resource_id', pathId('resource')) id: string,
    @Body({ schema: ResourceUpdate }) body: ResourceUpdate,
  ) {
    return this.#resources.update(workspace, session, id, body);
  }

  @Delete(':resource_id')
  @ApiOperation({ summary: 'Detach a resource; what is in the sandbox already stays there' })
  @Answers(200, ResourceDeleted)
  remove(@Workspace() workspace: string, @Param('session_id', pathId('session')) session: string, @Param('resource_id', pathId('resource')) id: string) {
    return this.#resources.remove(workspace, session, id);
  }
}
