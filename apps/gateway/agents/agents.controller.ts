import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AgentCreate } from '../../../workflows/contract/schema/agent.js';
import { AgentListQuery, AgentRetrieveQuery } from '../../../workflows/contract/schema/list-query.js';
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
}
