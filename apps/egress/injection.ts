import type { Transform } from 'node:stream';
import { hostMatches, type Target } from '../../activities/egress/host-name.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { isInRepository } from '../../activities/egress/session-policy.js';
import { formsOfSecret } from '../../infra/telemetry/secret-forms.js';
import { type Replacement, replacingStream } from './byte-replacer.js';
import { type HeaderList, hasControls, headerOf } from './exchange.js';
import type { Scheme } from './upstream-request.js';

/** A secret of which the sandbox has placeholders. */
export interface SessionSecret {
  readonly credentialId: string;
  /** The newest first: by that one the secret is replaced in answers. */
  readonly placeholders: readonly string[];
  /** Undefined: every host. */
  readonly hosts: readonly string[] | undefined;
  readonly inHeaders: boolean;
  readonly inBodies: boolean;
  open(): string;
}

/** A repository whose token the sandbox never has, not even as a placeholder. */
export interface RepositoryAccess extends Pick<SessionSecret, 'credentialId' | 'placeholders'> {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  open(): string;
}

export interface SessionSecrets {
  readonly secrets: readonly SessionSecret[];
  readonly repositories: readonly RepositoryAccess[];
}

/** A request with what it may know put in. */
export interface InjectedRequest {
  readonly headers: HeaderList;
  /** Puts secrets into a body on its way; undefined where none may be. */
  readonly body: (() => Transform) | undefined;
  /** The same for a body that is all there. */
  injectWhole(body: Buffer): Buffer;
  /** What was put in so far, and what of it an answer must not show. */
  readonly used: ReadonlyMap<string, readonly Replacement[]>;
  /** Every secret that a body may still take in. */
  readonly possible: readonly Replacement[];
}

/** Shorter secrets would be found in ordinary words of an answer. */
const SHORTEST_MASKED = 8;

/** Prepares a request of a session for a target. Secrets go over TLS only. Errors: `Refusal`. */
export function injectSecrets(
  session: SessionSecrets,
  request: { readonly scheme: Scheme; readonly target: Target; readonly path: string; readonly headers: HeaderList },
): InjectedRequest {
  const { scheme, target, headers } = request;
  const bound = scheme === 'https' ? session.secrets.filter(({ hosts }) => !hosts || hosts.some((host) => hostMatches(host, target.host))) : [];
  const used = new Map<string, readonly Replacement[]>();
  const use = (secret: Pick<SessionSecret, 'credentialId' | 'placeholders'>, value: string): void => {
    used.set(secret.credentialId, masksOf(secret, value));
  };

  const inHeaders = bound.filter((secret) => secret.inHeaders);
  let changed = headers.map(([name, value]) => [name, injectHeader(name, value, inHeaders, use)] as const);
  const repository =
    scheme === 'https'
      ? session.repositories.find(({ host, port, path }) => host === target.host && port === target.port && isInRepository(path, request.path))
      : undefined;
  if (repository && headerOf(headers, 'authorization') === undefined) {
    const token = repository.open();
    use(repository, token);
    changed = [...changed, ['authorization', `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`]];
  }

  const inBodies = takesText(headers) ? bound.filter((secret) => secret.inBodies) : [];
  const written = escapeFor(headerOf(headers, 'content-type') ?? '');
  const replacements = (): (Replacement & { readonly secret: SessionSecret; readonly value: string })[] =>
    inBodies.flatMap((secret) => {
      const value = secret.open();
      return secret.placeholders.map((placeholder) => ({ from: Buffer.from(placeholder), to: Buffer.from(written(value)), secret, value }));
    });
  const stream = (): Transform => {
    const known = replacements();
    return replacingStream(known, (replaced) => {
      const found = known.find((one) => one === replaced);
      if (found) use(found.secret, found.value);
    });
  };
  return {
    headers: changed,
    body: inBodies.length > 0 ? stream : undefined,
    injectWhole(body) {
      if (!inBodies.some(({ placeholders }) => placeholders.some((placeholder) => body.includes(placeholder)))) return body;
      const replacing = stream();
      replacing.end(body);
      return (replacing.read() as Buffer | null) ?? Buffer.alloc(0);
    },
    used,
    get possible() {
      return inBodies.flatMap((secret) => masksOf(secret, secret.open()));
    },
  };
}

type Use = (secret: SessionSecret, value: string) => void;

function injectHeader(name: string, value: string, secrets: readonly SessionSecret[], use: Use): string {
  const basic = name === 'authorization' ? /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(value)?.[1] : undefined;
  if (basic !== undefined) {
    const pair = Buffer.from(basic, 'base64').toString('utf8');
    const swapped = swap(pair, secrets, use);
    return swapped === pair ? value : `Basic ${Buffer.from(swapped, 'utf8').toString('base64')}`;
  }
  const swapped = swap(value, secrets, use, (secret) => Buffer.from(secret, 'utf8').toString('latin1'));
  if (swapped !== value && hasControls(swapped)) {
    throw new Refusal(
      400,
      'secret is no header value',
      `The secret behind the placeholder in the header ${name} has line breaks or control characters; no header can hold it.`,
    );
  }
  return swapped;
}

function swap(text: string, secrets: readonly SessionSecret[], use: Use, write: (value: string) => string = (value) => value): string {
  let swapped = text;
  for (const secret of secrets) {
    for (const placeholder of secret.placeholders) {
      if (!swapped.includes(placeholder)) continue;
      const value = secret.open();
      use(secret, value);
      swapped = swapped.replaceAll(placeholder, () => write(value));
    }
  }
  return swapped;
}

/** Whether placeholders can be seen in a body: not in a compressed one, nor in frames that tell their lengths. */
const takesText = (headers: HeaderList): boolean =>
  /^(identity)?$/i.test(headerOf(headers, 'content-encoding') ?? '') && !/^application\/(grpc|connect)/i.test(headerOf(headers, 'content-type') ?? '');

/** How a text is written inside a body of this type. */
function escapeFor(contentType: string): (text: string) => string {
  if (/^application\/([\w.-]+\+)?json\b/i.test(contentType)) return (text) => JSON.stringify(text).slice(1, -1);
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return (text) => encodeURIComponent(text);
  return (text) => text;
}

function masksOf({ placeholders }: Pick<SessionSecret, 'placeholders'>, value: string): Replacement[] {
  const to = Buffer.from(placeholders[0] ?? '');
  if (value.length < SHORTEST_MASKED) return [];
  // Headers are bytes; servers that read them as Latin-1 and answer in UTF-8 write other letters.
  const misread = Buffer.from(value, 'utf8').toString('latin1');
  const forms = new Set([...formsOfSecret(value), ...formsOfSecret(misread)]);
  return [...forms].filter((form) => form.length >= SHORTEST_MASKED).map((form) => ({ from: Buffer.from(form), to }));
}
