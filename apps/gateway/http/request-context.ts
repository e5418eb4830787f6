import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Response } from 'express';
import type { AccessRule } from './access-rules.js';
import type { Principal } from './principal.js';

/** What the middleware learned about a request; kept in `response.locals`. */
export interface RequestContext {
  readonly requestId: string;
  /** Set once the request's key is known. */
  workspaceId?: string;
  /** Set with it: who sends the request. */
  principal?: Principal;
  /** What lets a narrower credential than an API key in. */
  accessRule?: AccessRule;
}

export const contextOf = (response: Response): RequestContext => response.locals as RequestContext;

export function principalOf(response: Response): Principal {
  const { principal } = contextOf(response);
  if (principal === undefined) throw new Error('A route that needs a principal lies outside /v1.');
  return principal;
}

function workspaceOf(response: Response): string {
  const { workspaceId } = contextOf(response);
  if (workspaceId === undefined) throw new Error('A route that needs a workspace lies outside /v1.');
  return workspaceId;
}

/** The workspace of the request's key. */
export const Workspace = createParamDecorator((_data: unknown, context: ExecutionContext): string =>
  workspaceOf(context.switchToHttp().getResponse<Response>()),
);

/** Who sends the request. */
export const Caller = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal => principalOf(context.switchToHttp().getResponse<Response>()),
);
