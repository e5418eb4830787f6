import { RondoError } from '../../workflows/contract/errors.js';
import { Refusal } from '../egress/refusal.js';
import { GitFailed } from './git-process.js';

/** The wire's `repository_<cause>_error`. */
export type CloneCause = 'authentication' | 'forbidden' | 'not_found' | 'checkout' | 'clone';

/** A repository that could not be had. The message is for callers and holds nothing of what the other side said. */
export class CloneFailed extends Error {
  readonly reason: CloneCause;
  constructor(reason: CloneCause, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What git prints (in English: the environment says so), by what a caller can do about it; the first that fits counts. */
const SAYINGS: readonly (readonly [RegExp, CloneCause, string])[] = [
  [/git: not found|command not found/, 'clone', 'git is not installed where the worker runs'],
  [/could not read Username|could not read Password|Authentication failed|returned error: 401/, 'authentication', 'it refused the token, or needs one'],
  [/returned error: 403/, 'forbidden', 'the token does not allow to read it'],
  [/returned error: 404|repository .* not found/i, 'not_found', 'there is no such repository, or the token does not show it'],
  [/couldn't find remote ref|not our ref|unadvertised object/i, 'checkout', 'it has no such branch or commit'],
  [/unable to update url base from redirection|returned error: 30\d/, 'clone', 'it answers with a redirect; give the address it leads to'],
  [/Connection reset|timed out|Operation too slow/i, 'clone', 'it cannot be reached'],
  [/File size limit|File too large|invalid index-pack output/i, 'clone', 'what it sends is too large, or damaged'],
  [/invalid path/, 'clone', 'it holds a path that git does not accept'],
];

/** Codes that say it all: git only knows that it got no answer. */
const OURS: ReadonlySet<string> = new Set(['address.refused', 'address.unreachable', 'request.too_large', 'request.rate_limited']);

/**
 * Why a repository could not be had, in our own words. `failure` is why a request of git's did not get through. Errors that are
 * not git's come back as they are.
 */
export function explainGit(error: unknown, url: string, failure: RondoError | undefined): unknown {
  const known = error instanceof GitFailed ? failure : error;
  if (known instanceof Refusal) return new CloneFailed('clone', `${url} could not be cloned: ${known.message}`, { cause: error });
  if (known instanceof RondoError && OURS.has(known.code)) {
    const why =
      known.code === 'request.too_large'
        ? 'what it sends is too large.'
        : /CERT|SELF_SIGNED|UNABLE_TO/.test(known.message)
          ? 'its certificate is not trusted.'
          : known.message;
    return new CloneFailed('clone', `${url} could not be cloned: ${why}`, { cause: error });
  }
  if (known instanceof RondoError) return known;
  if (!(error instanceof GitFailed)) return error;
  const text = `${error.message}\n${error.said}`;
  const [, reason, why] = SAYINGS.find(([saying]) => saying.test(text)) ?? [undefined, 'clone' as const, 'git failed'];
  const verb = reason === 'checkout' ? 'checked out' : 'cloned';
  return new CloneFailed(reason, `${url} could not be ${verb}: ${why}.`, { cause: error });
}
