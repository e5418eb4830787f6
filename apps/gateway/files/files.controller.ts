import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { FileListQuery } from '../../../workflows/contract/schema/file.js';
import { Answers, listOf } from '../http/api-docs.js';
import { pathId } from '../http/path-id.js';
import { Workspace } from '../http/request-context.js';
import { DeletedFileWire, FileWire } from './file.wire.js';
import { FilesService } from './files.service.js';

const UPLOAD_FORM = {
  type: 'object',
  required: ['file'] as string[],
  properties: {
    file: { type: 'string', format: 'binary', description: 'The bytes. Of the filename the last component is kept.' },
    expires_in_seconds: {
      type: 'integer',
      minimum: 3_600,
      maximum: 7_776_000,
      description: 'After how many seconds the file expires; never where it is not given.',
    },
  },
};

@ApiTags('files')
@Controller('v1/files')
export class FilesController {
  readonly #files: FilesService;

  constructor(@Inject(FilesService) files: FilesService) {
    this.#files = files;
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Upload a file' })
  @ApiConsumes('multipart/form-data')
  @ApiBody({ schema: UPLOAD_FORM })
  @Answers(200, FileWire)
  upload(@Workspace() workspace: string, @Req() request: Request) {
    return this.#files.upload(workspace, request);
  }

  @Get()
  @ApiOperation({ summary: 'List files, newest first' })
  @Answers(200, listOf(FileWire))
  list(@Workspace() workspace: string, @Query({ schema: FileListQuery }) query: FileListQuery) {
    return this.#files.list(workspace, query);
  }

  @Get(':file_id')
  @ApiOperation({ summary: "Retrieve a file's metadata" })
  @Answers(200, FileWire)
  retrieve(@Workspace() workspace: string, @Param('file_id', pathId('file')) id: string) {
    return this.#files.retrieve(workspace, id);
  }

  @Get(':file_id/content')
  @ApiOperation({ summary: "Download a file's bytes, whole or a range" })
  @ApiProduces('application/octet-stream')
  @ApiResponse({ status: 200, description: 'The bytes, under the type of the file' })
  download(@Workspace() workspace: string, @Param('file_id', pathId('file')) id: string, @Req() request: Request, @Res() response: Response) {
    return this.#files.download(workspace, id, request, response);
  }

  @Delete(':file_id')
  @ApiOperation({ summary: 'Delete a file' })
  @Answers(200, DeletedFileWire)
  delete(@Workspace() workspace: string, @Param('file_id', pathId('file')) id: string) {
    return this.#files.delete(workspace, id);
  }
}
