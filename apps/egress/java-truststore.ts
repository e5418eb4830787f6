import { createHash, X509Certificate } from 'node:crypto';
import { TRUST_STORE_PASSWORD } from '../../activities/sandbox/egress-environment.js';

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const TRUSTED_CERTIFICATE = 2;

/** Certificates as a Java key store of the type JKS, which every Java reads. */
export function javaTrustStore(certificates: readonly string[]): Buffer {
  const entries = certificates.map((pem, index) => {
    const { raw } = new X509Certificate(pem);
    return Buffer.concat([uint32(TRUSTED_CERTIFICATE), text(`ca-${index}`), uint64(0), text('X.509'), uint32(raw.length), raw]);
  });
  const body = Buffer.concat([uint32(MAGIC), uint32(VERSION), uint32(entries.length), ...entries]);
  const password = Buffer.from(TRUST_STORE_PASSWORD, 'utf16le').swap16();
  const digest = createHash('sha1').update(password).update('Mighty Aphrodite', 'utf8').update(body).digest();
  return Buffer.concat([body, digest]);
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
