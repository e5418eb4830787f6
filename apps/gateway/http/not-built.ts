import type { NextFunction, Request, Response } from 'express';
import { RondoError } from '../../../workflows/contract/errors.js';

/** Parts of the wire that Rondo does not have yet: everything at and below a path (wire sections 5 to 12). */
const NOT_BUILT: readonly { readonly path: string; readonly what: string }[] = [
  { path: '/memory_stores', what: 'Memory stores, with their memories and versions,' },
  { path: '/deployments', what: 'Deployments' },
  { path: '/deployment_runs', what: 'Deployment runs' },
  { path: '/dreams', what: 'Dreams' },
  { path: '/user_profiles', what: 'User profiles' },
  { path: '/tunnels', what: 'Tunnels, with their certificates,' },
  { path: '/organizations/webhooks', what: 'Webhooks' },
  { path: '/organizations', what: 'The endpoints that administer an organization' },
];

/** Answers what is not built with 501 and says so, whatever the method and the body. Errors: `request.not_implemented`. */
export function refuseNotBuilt(request: Request, _response: Response, next: NextFunction): void {
  const found = NOT_BUILT.find(({ path }) => request.path === path || request.path.startsWith(`${path}/`));
  next(
    found &&
      new RondoError('request.not_implemented', `${found.what} are not built yet on this server; repeating the request will not help. See DIVERGENCES.md.`),
  );
}
