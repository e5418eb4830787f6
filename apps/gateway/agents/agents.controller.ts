import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AgentCreate, AgentUpdate } from '../../../workflows/contract/schema/agent.js';
import { AgentListQuery, AgentRetrieveQuery, AgentVersionListQuery } from '../../../workflows/contract/schema/list-query.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { AgentWire } from './agent.wire.js';
import { AgentsService } from './agents.service.js';

@ApiTags('agents')
@Controller('v1/agents')
export class AgentsController {
  readonly #agents: AgentsService;

  constructor(@Inject(AgentsService) agents: AgentsService) {
    this.#agents = agents;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Create an agent' })
  @Answers(200, AgentWire)
  create(@Workspace() workspace: string, @Body({ schema: AgentCreate }) body: AgentCreate) {
    return this.#agents.create(workspace, body);
  }

  @Get()
  @ApiOperation({ summary: 'List agents, newest first' })
  @Answers(200, listOf(AgentWire))
  list(@Workspace() workspace: string, @Query({ schema: AgentListQuery }) query: AgentListQuery) {
    return this.#agents.list(workspace, query);
  }

  @Get(':agent_id')
  @ApiOperation({ summary: 'Retrieve an agent, at its latest or at a given version' })
  @Answers(200, AgentWire)
  retrieve(@Workspace() workspace: string, @Param('agent_id', pathId('agent')) id: string, @Query({ schema: AgentRetrieveQuery }) query: AgentRetrieveQuery) {
    return this.#agents.retrieve(workspace, id, query.version);
  }

  @Post(':agent_id')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Update an agent: a new version, unless nothing changes',
    description:
      'What is left out stays, null clears, lists are replaced whole, metadata is patched. With `version` the update fails unless that is the latest.',
  })
  @Answers(200, AgentWire)
  update(@Workspace() workspace: string, @Param('agent_id', pathId('agent')) id: string, @Body({ schema: AgentUpdate }) body: AgentUpdate) {
    return this.#agents.update(workspace, id, body);
  }

  @Get(':agent_id/versions')
  @ApiOperation({ summary: 'List the versions of an agent, newest first' })
  @Answers(200, listOf(AgentWire))
  versions(
    @Workspace() workspace: string,
    @Param('agent_id', pathId('agent')) id: string,
    @Query({ schema: AgentVersionListQuery }) query: AgentVersionListQuery,
  ) {
    return this.#agents.versions(workspace, id, query);
  }

  @Post(':agent_id/archive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Archive an agent: no updates, no new sessions' })
  @Answers(200, AgentWire)
  archive(@Workspace() workspace: string, @Param('agent_id', pathId('agent')) id: string) {
    return this.#agents.archive(workspace, id);
  }
}
