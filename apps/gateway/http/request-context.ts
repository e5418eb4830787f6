import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Response } from 'express';

/** What the middleware learned about a request; kept in `response.locals`. */
export interface RequestContext {
  readonly requestId: string;
  /** Set once the request's key is known. */
  workspaceId?: string;
}

export const contextOf = (response: Response): RequestContext => response.locals as RequestContext;

function workspaceOf(response: Response): string {
  const { workspaceId } = contextOf(response);
  if (workspaceId === undefined) throw new Error('A route that needs a workspace lies outside /v1.');
  return workspaceId;
}

/** The workspace of the request's key. */
export const Workspace = createParamDecorator((_data: unknown, context: ExecutionContext): string =>
  workspaceOf(context.switchToHttp().getResponse<Response>()),
);
