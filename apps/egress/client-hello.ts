/** What the beginning of a connection turned out to be. */
export type FirstBytes =
  | { readonly kind: 'tls'; readonly serverName: string | undefined }
  /** A TLS record whose greeting has not come whole yet. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'http' }
  | { readonly kind: 'other' };

const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;

/** Reads the name in a TLS client's greeting (RFC 8446 section 4.1.2, RFC 6066 section 3) without answering it. Pure. */
export function readFirstBytes(bytes: Buffer): FirstBytes {
  const first = bytes[0];
  if (first === undefined) return { kind: 'incomplete' };
  if (first >= 0x41 && first <= 0x5a) return { kind: 'http' };
  if (first !== HANDSHAKE) return { kind: 'other' };
  if (bytes.length < 5) return { kind: 'incomplete' };
  if (bytes[1] !== 3) return { kind: 'other' };
  const message = handshakeMessage(bytes);
  if (!message) return { kind: 'incomplete' };
  if (message[0] !== CLIENT_HELLO) return { kind: 'other' };
  try {
    return { kind: 'tls', serverName: serverNameOf(message) };
  } catch {
    return { kind: 'other' };
  }
}

/** The first handshake message, which may be spread over several records; undefined while some of it is missing. */
function handshakeMessage(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === HANDSHAKE; ) {
    const length = bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const joined = Buffer.concat(parts);
  if (joined.length < 4) return undefined;
  const length = joined.readUIntBE(1, 3);
  return joined.length < 4 + length ? undefined : joined.subarray(0, 4 + length);
}

/** Throws a RangeError where a length points behind the end. */
function serverNameOf(message: Buffer): string | undefined {
  let at = 4 + 2 + 32;
  at += 1 + message.readUInt8(at);
  at += 2 + message.readUInt16BE(at);
  at += 1 + message.readUInt8(at);
  if (at === message.length) return undefined;
  const end = at + 2 + message.readUInt16BE(at);
  at += 2;
  while (at < end) {
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 2);
    if (type === SERVER_NAME) {
      const nameLength = message.readUInt16BE(at + 7);
      if (nameLength > length) throw new RangeError('The name is longer than its extension.');
      return message.toString('latin1', at + 9, at + 9 + nameLength);
    }
    at += 4 + length;
  }
  return undefined;
}
