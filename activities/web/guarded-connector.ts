import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import { RondoError } from '../../workflows/contract/errors.js';
import type { AddressGuard } from './address-guard.js';

export interface GuardedConnectorOptions {
  readonly guard: AddressGuard;
  readonly timeoutMs: number;
  /** Whom to trust instead of the usual authorities. To be made once: reading certificates takes longer than a connection. */
  readonly trust?: SecureContext;
  /** Offers HTTP/2 beside HTTP/1.1; what was chosen is the socket's `alpnProtocol`. */
  readonly allowH2?: boolean;
}

/**
 * Connects to addresses the guard has checked, and looks at the socket once more: what counts is who is at its other end.
 * Errors: those of the guard, and of the connection as Node raises them.
 */
export function createGuardedConnector(connecting: GuardedConnectorOptions): buildConnector.connector {
  const { guard, timeoutMs, trust = createSecureContext(), allowH2 = false } = connecting;
  return (options, callback) => {
    const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80));
    guard
      .resolve(options.hostname, port)
      .then((addresses) => {
        const connect = buildConnector({
          timeout: timeoutMs,
          allowH2,
          secureContext: trust,
          autoSelectFamily: true,
          lookup: (_host, wanted, answer) => (wanted.all ? answer(null, [...addresses]) : answer(null, addresses[0]?.address ?? '', addresses[0]?.family)),
        });
        connect({ ...options, hostname: options.hostname.replace(/^\[(.*)\]$/, '$1') }, (...[error, socket]) => {
          if (error) callback(error, null);
          else if (isAmong(addresses, socket)) callback(null, socket);
          else {
            socket.destroy();
            callback(
              new RondoError('address.refused', `The connection to ${JSON.stringify(options.hostname)} went to another address than the checked one.`),
              null,
            );
          }
        });
      })
      .catch((error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null));
  };
}

const isAmong = (addresses: readonly { readonly address: string }[], socket: Socket): boolean =>
  addresses.some(({ address }) => canonical(address) === canonical(socket.remoteAddress ?? ''));

/** One spelling of an address; a zone names the interface and not the other end. */
const canonical = (address: string): string => {
  const plain = address.replace(/%.*$/, '').toLowerCase();
  return plain.includes(':') ? (URL.parse(`http://[${plain}]`)?.hostname ?? plain) : plain;
};
