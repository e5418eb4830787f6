import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { VaultListQuery } from '../../../workflows/contract/schema/list-query.js';
import { VaultCreate, VaultUpdate } from '../../../workflows/contract/schema/vault.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { DeletedVaultWire, VaultWire } from './vault.wire.js';
import { VaultsService } from './vaults.service.js';

@ApiTags('vaults')
@Controller('v1/vaults')
export class VaultsController {
  readonly #vaults: VaultsService;

  constructor(@Inject(VaultsService) vaults: VaultsService) {
    this.#vaults = vaults;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Create a vault' })
  @Answers(200, VaultWire)
  create(@Workspace() workspace: string, @Body({ schema: VaultCreate }) body: VaultCreate) {
    return this.#vaults.create(workspace, body);
  }

  @Get()
  @ApiOperation({ summary: 'List vaults, newest first' })
  @Answers(200, listOf(VaultWire))
  list(@Workspace() workspace: string, @Query({ schema: VaultListQuery }) query: VaultListQuery) {
    return this.#vaults.list(workspace, query);
  }

  @Get(':vault_id')
  @ApiOperation({ summary: 'Retrieve a vault' })
  @Answers(200, VaultWire)
  retrieve(@Workspace() workspace: string, @Param('vault_id', pathId('vault')) id: string) {
    return this.#vaults.retrieve(workspace, id);
  }

  @Post(':vault_id')
  @HttpCode(200)
  @ApiOperation({ summary: 'Change the name or the metadata of a vault' })
  @Answers(200, VaultWire)
  update(@Workspace() workspace: string, @Param('vault_id', pathId('vault')) id: string, @Body({ schema: VaultUpdate }) body: VaultUpdate) {
    return this.#vaults.update(workspace, id, body);
  }

  @Post(':vault_id/archive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Archive a vault: its credentials are archived and their secrets deleted' })
  @Answers(200, VaultWire)
  archive(@Workspace() workspace: string, @Param('vault_id', pathId('vault')) id: string) {
    return this.#vaults.archive(workspace, id);
  }

  @Delete(':vault_id')
  @ApiOperation({ summary: 'Delete a vault and its credentials; sessions that name it go on without' })
  @Answers(200, DeletedVaultWire)
  delete(@Workspace() workspace: string, @Param('vault_id', pathId('vault')) id: string) {
    return this.#vaults.delete(workspace, id);
  }
}
