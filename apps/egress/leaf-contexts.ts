import { createSecureContext, type SecureContext } from 'node:tls';
import type { CertificateAuthority, Leaf } from './x509.adapter.js';

/** What TLS needs to speak for a host, made once for each. */
export type LeafContexts = (host: string) => Promise<Pick<Leaf, 'key' | 'certificate'> & { readonly context: SecureContext }>;

const MOST_KEPT = 1_000;
const RENEW_BEFORE_MS = 86_400_000;

export function createLeafContexts(authority: CertificateAuthority): LeafContexts {
  const kept = new Map<string, { readonly leaf: ReturnType<LeafContexts>; expires: number }>();

  return async (host) => {
    const known = kept.get(host);
    if (known && known.expires > Date.now()) return known.leaf;
    const entry = { expires: Number.POSITIVE_INFINITY, leaf: Promise.resolve().then(make) };
    async function make() {
      const { key, certificate, notAfter } = await authority.issue(host);
      entry.expires = notAfter.getTime() - RENEW_BEFORE_MS;
      return { key, certificate, context: createSecureContext({ key, cert: certificate, minVersion: 'TLSv1.2' }) };
    }
    kept.set(host, entry);
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    try {
      return await entry.leaf;
    } catch (error) {
      kept.delete(host);
      throw error;
    }
  };
}
