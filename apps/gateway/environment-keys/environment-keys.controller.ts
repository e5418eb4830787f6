import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { EnvironmentKeyCreate, EnvironmentKeyListQuery } from '../../../workflows/contract/schema/work.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { EnvironmentKeyWire, NewEnvironmentKeyWire } from './environment-key.wire.js';
import { EnvironmentKeysService } from './environment-keys.service.js';

@ApiTags('work')
@Controller('v1/environments/:environment_id/keys')
export class EnvironmentKeysController {
  readonly #keys: EnvironmentKeysService;

  constructor(@Inject(EnvironmentKeysService) keys: EnvironmentKeysService) {
    this.#keys = keys;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Make a key for the workers of a self-hosted environment (extension); it is shown once' })
  @Answers(200, NewEnvironmentKeyWire)
  create(
    @Workspace() workspace: string,
    @Param('environment_id', pathId('environment')) id: string,
    @Body({ schema: EnvironmentKeyCreate }) body: EnvironmentKeyCreate,
  ) {
    return this.#keys.create(workspace, id, body);
  }

  @Get()
  @ApiOperation({ summary: 'List the keys of an environment, without the keys themselves (extension)' })
  @Answers(200, listOf(EnvironmentKeyWire))
  list(
    @Workspace() workspace: string,
    @Param('environment_id', pathId('environment')) id: string,
    @Query({ schema: EnvironmentKeyListQuery }) query: EnvironmentKeyListQuery,
  ) {
    return this.#keys.list(workspace, id, query);
  }

  @Post(':key_id/revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'Revoke a key: at most five seconds later it opens nothing (extension)' })
  @Answers(200, EnvironmentKeyWire)
  revoke(@Workspace() workspace: string, @Param('environment_id', pathId('environment')) id: string, @Param('key_id', pathId('environmentKey')) keyId: string) {
    return this.#keys.revoke(workspace, id, keyId);
  }
}
