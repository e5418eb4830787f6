import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { VaultListQuery } from '../../../workflows/contract/schema/list-query.js';
import { CredentialCreate, CredentialUpdate } from '../../../workflows/contract/schema/vault.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { CredentialWire, DeletedCredentialWire } from './credential.wire.js';
import { CredentialValidationWire } from './credential-validation.wire.js';
import { CredentialsService } from './credentials.service.js';
import { ValidationService } from './validation.service.js';

const Vault = () => Param('vault_id', pathId('vault'));
const Credential = () => Param('credential_id', pathId('credential'));

@ApiTags('vaults')
@Controller('v1/vaults/:vault_id/credentials')
export class CredentialsController {
  readonly #credentials: CredentialsService;
  readonly #validation: ValidationService;

  constructor(@Inject(CredentialsService) credentials: CredentialsService, @Inject(ValidationService) validation: ValidationService) {
    this.#credentials = credentials;
    this.#validation = validation;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Create a credential; its secrets are never answered' })
  @Answers(200, CredentialWire)
  create(@Workspace() workspace: string, @Vault() vault: string, @Body({ schema: CredentialCreate }) body: CredentialCreate) {
    return this.#credentials.create(workspace, vault, body);
  }

  @Get()
  @ApiOperation({ summary: 'List the credentials of a vault, newest first' })
  @Answers(200, listOf(CredentialWire))
  list(@Workspace() workspace: string, @Vault() vault: string, @Query({ schema: VaultListQuery }) query: VaultListQuery) {
    return this.#credentials.list(workspace, vault, query);
  }

  @Get(':credential_id')
  @ApiOperation({ summary: 'Retrieve a credential' })
  @Answers(200, CredentialWire)
  retrieve(@Workspace() workspace: string, @Vault() vault: string, @Credential() id: string) {
    return this.#credentials.retrieve(workspace, vault, id);
  }

  @Post(':credential_id')
  @HttpCode(200)
  @ApiOperation({ summary: 'Change a credential or replace its secrets; type and target stay' })
  @Answers(200, CredentialWire)
  update(@Workspace() workspace: string, @Vault() vault: string, @Credential() id: string, @Body({ schema: CredentialUpdate }) body: CredentialUpdate) {
    return this.#credentials.update(workspace, vault, id, body);
  }

  @Post(':credential_id/archive')
  @HttpCode(200)
  @ApiOperation({ summary: 'Archive a credential: its secrets are deleted, its target is free again' })
  @Answers(200, CredentialWire)
  archive(@Workspace() workspace: string, @Vault() vault: string, @Credential() id: string) {
    return this.#credentials.archive(workspace, vault, id);
  }

  @Post(':credential_id/mcp_oauth_validate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Try an OAuth credential on its MCP server' })
  @Answers(200, CredentialValidationWire)
  validate(@Workspace() workspace: string, @Vault() vault: string, @Credential() id: string) {
    return this.#validation.validate(workspace, vault, id);
  }

  @Delete(':credential_id')
  @ApiOperation({ summary: 'Delete a credential' })
  @Answers(200, DeletedCredentialWire)
  delete(@Workspace() workspace: string, @Vault() vault: string, @Credential() id: string) {
    return this.#credentials.delete(workspace, vault, id);
  }
}
