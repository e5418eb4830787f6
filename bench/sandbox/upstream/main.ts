import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, openAuthority } from '../../../apps/egress/x509.adapter.js';
import { answer } from './answers.js';

/** The internet of the bench: a TLS server of this machine under an authority of its own, in a process of its own. */
const authority = await createAuthority('bench');
const leaf = await (await openAuthority(authority)).issue('localhost');
const server = createServer({ key: leaf.key, cert: leaf.certificate }, answer);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`upstream started ${JSON.stringify({ port, ca: authority.certificate })}\n`);
});
