/** A toolset's domains (wire section 1): an entry means that host and everything below it, with a path only what begins with it. */
export interface DomainRules {
  readonly allowed_domains?: readonly string[];
  readonly blocked_domains?: readonly string[];
}

/** Whether the rules let a URL pass. `docs.example.com` matches itself and `a.docs.example.com`, not `mydocs.example.com`. Pure. */
export function passesRules(url: URL, { allowed_domains, blocked_domains }: DomainRules): boolean {
  if (allowed_domains && !allowed_domains.some((entry) => matches(url, entry))) return false;
  return !blocked_domains?.some((entry) => matches(url, entry));
}

function matches(url: URL, entry: string): boolean {
  const [domain = '', ...path] = entry.toLowerCase().split('/');
  const host = url.hostname.toLowerCase().replace(/\.$/, '');
  const within = host === domain || host.endsWith(`.${domain}`);
  const prefix = path.join('/').replace(/\/+$/, '');
  if (!within || prefix === '') return within;
  const actual = url.pathname.toLowerCase();
  return actual === `/${prefix}` || actual.startsWith(`/${prefix}/`);
}
