import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { SkillListQuery, SkillVersionListQuery } from '../../../workflows/contract/schema/skill.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { DeletedSkillVersionWire, DeletedSkillWire, SkillVersionWire, SkillWire } from './skill.wire.js';
import { SkillsService } from './skills.service.js';

const FILES = { type: 'array', items: { type: 'string', format: 'binary' }, description: 'Each named by its path, for example my-skill/SKILL.md' } as const;
const DISPLAY_NAME = { type: 'string', maxLength: 255, description: 'For people, a single line; the name in SKILL.md where none is given.' } as const;

@ApiTags('skills')
@Controller('v1/skills')
export class SkillsController {
  readonly #skills: SkillsService;

  constructor(@Inject(SkillsService) skills: SkillsService) {
    this.#skills = skills;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Create a skill with its first version' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: { type: 'object', required: ['files[]'], properties: { 'files[]': FILES, display_name: DISPLAY_NAME } } })
  @Answers(200, SkillWire)
  create(@Workspace() workspace: string, @Req() request: Request) {
    return this.#skills.create(workspace, request);
  }

  @Get()
  @ApiOperation({ summary: 'List skills, newest first' })
  @Answers(200, listOf(SkillWire))
  list(@Workspace() workspace: string, @Query({ schema: SkillListQuery }) query: SkillListQuery) {
    return this.#skills.list(workspace, query);
  }

  @Get(':skill_id')
  @ApiOperation({ summary: 'Retrieve a skill' })
  @Answers(200, SkillWire)
  retrieve(@Workspace() workspace: string, @Param('skill_id', pathId('skill')) id: string) {
    return this.#skills.retrieve(workspace, id);
  }

  @Delete(':skill_id')
  @ApiOperation({ summary: 'Delete a skill with all its versions' })
  @Answers(200, DeletedSkillWire)
  delete(@Workspace() workspace: string, @Param('skill_id', pathId('skill')) id: string) {
    return this.#skills.delete(workspace, id);
  }

  @Post(':skill_id/versions')
  @HttpCode(200)
  @ApiOperation({ summary: 'Add a version, which becomes the latest' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: { type: 'object', required: ['files[]'], properties: { 'files[]': FILES } } })
  @Answers(200, SkillVersionWire)
  createVersion(@Workspace() workspace: string, @Param('skill_id', pathId('skill')) id: string, @Req() request: Request) {
    return this.#skills.createVersion(workspace, id, request);
  }

  @Get(':skill_id/versions')
  @ApiOperation({ summary: 'List the versions of a skill, newest first' })
  @Answers(200, listOf(SkillVersionWire))
  listVersions(
    @Workspace() workspace: string,
    @Param('skill_id', pathId('skill')) id: string,
    @Query({ schema: SkillVersionListQuery }) query: SkillVersionListQuery,
  ) {
    return this.#skills.listVersions(workspace, id, query);
  }

  @Get(':skill_id/versions/:version')
  @ApiOperation({ summary: 'Retrieve a version, by its id or as latest' })
  @Answers(200, SkillVersionWire)
  retrieveVersion(@Workspace() workspace: string, @Param('skill_id', pathId('skill')) id: string, @Param('version') version: string) {
    return this.#skills.retrieveVersion(workspace, id, version);
  }

  @Get(':skill_id/versions/:version/content')
  @ApiOperation({ summary: 'Download the files of a version as a tar.gz' })
  @ApiProduces('application/gzip')
  @ApiResponse({ status: 200, description: 'The archive: one directory, named as the skill' })
  download(
    @Workspace() workspace: string,
    @Param('skill_id', pathId('skill')) id: string,
    @Param('version') version: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    return this.#skills.download(workspace, id, version, request, response);
  }

  @Delete(':skill_id/versions/:version')
  @ApiOperation({ summary: 'Delete a version' })
  @Answers(200, DeletedSkillVersionWire)
  deleteVersion(@Workspace() workspace: string, @Param('skill_id', pathId('skill')) id: string, @Param('version') version: string) {
    return this.#skills.deleteVersion(workspace, id, version);
  }
}
