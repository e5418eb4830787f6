import { Controller, Get, Head, Inject, Param, Put, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiOperation, ApiParam, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { Answers } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { WorkspaceService } from './workspace.service.js';
import { workspacePath } from './workspace-path.js';

const WorkspaceFileWire = z
  .looseObject({ type: z.literal('workspace_file'), path: z.string(), size_bytes: z.int(), sha256: z.string() })
  .meta({ id: 'WorkspaceFile' });

const PATH = { name: 'path', type: 'string' as const };
const FILE = ':session_id/workspace/*path';

/** Express gives the parts of a wildcard decoded, one by one. */
const pathOf = ({ params }: Request): string => workspacePath([params['path'] ?? []].flat());

@ApiTags('sessions')
@Controller('v1/sessions')
export class WorkspaceController {
  readonly #workspace: WorkspaceService;

  constructor(@Inject(WorkspaceService) workspace: WorkspaceService) {
    this.#workspace = workspace;
  }

  @Put(FILE)
  @ApiOperation({ summary: 'Write a file of the workspace: it is there whole, or not at all (extension)' })
  @ApiParam(PATH)
  @ApiConsumes('application/octet-stream')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @Answers(200, WorkspaceFileWire)
  async write(
    @Workspace() workspace: string,
    @Param('session_id', pathId('session')) id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.#workspace.write({ workspaceId: workspace, sessionId: id }, pathOf(request), request, response);
  }

  @Get(FILE)
  @ApiOperation({ summary: 'Read a file of the workspace, whole or a range; of a terminated session as it was last kept (extension)' })
  @ApiParam(PATH)
  @ApiHeader({ name: 'range', required: false, description: 'bytes=<first>-<last>' })
  @ApiProduces('application/octet-stream')
  @ApiResponse({ status: 200, description: 'The bytes' })
  read(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string, @Req() request: Request, @Res() response: Response) {
    return this.#workspace.read({ workspaceId: workspace, sessionId: id }, pathOf(request), request, response);
  }

  @Head(FILE)
  @ApiOperation({ summary: "A file's size and hash (extension)" })
  @ApiParam(PATH)
  @ApiResponse({ status: 200, description: 'content-length, etag: the SHA-256 of the bytes' })
  head(@Workspace() workspace: string, @Param('session_id', pathId('session')) id: string, @Req() request: Request, @Res() response: Response) {
    return this.read(workspace, id, request, response);
  }
}
