import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const LEAF_DAYS = 7;

/** A certificate authority as it lies in files. PEM. */
export interface AuthorityFiles {
  readonly key: string;
  readonly certificate: string;
}

/** A certificate for one host, PEM, with the authority's behind it. */
export interface Leaf {
  readonly key: string;
  readonly certificate: string;
  readonly notAfter: Date;
}

/** Signs certificates for the hosts that sandboxes talk to. */
export interface CertificateAuthority {
  issue(host: string): Promise<Leaf>;
}

/** Makes an authority of one installation. Its name says which, so that two are told apart in a trust store. */
export async function createAuthority(installation: string): Promise<AuthorityFiles> {
  const keys = await toKeys(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=Rondo egress ${installation}, O=Rondo`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: SIGNATURE,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: keys.pem, certificate: `${certificate.toString('pem')}\n` };
}

/** Reads an authority. All its leaves share one key, made anew in every process: making one for each host would be felt. */
export async function openAuthority(files: AuthorityFiles): Promise<CertificateAuthority> {
  const authority = new X509Certificate(files.certificate);
  const signer = await toKeys(createPrivateKey(files.key));
  const leafKeys = await toKeys(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const common = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    await SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
    await AuthorityKeyIdentifierExtension.create(authority, false),
  ];
  return {
    async issue(host) {
      const notAfter = new Date(Date.now() + LEAF_DAYS * DAY_MS);
      const certificate = await X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: 'CN=Rondo egress leaf',
        // The name itself, not its text: encoded anew it may differ in bytes, which Go and GnuTLS do not accept.
        issuer: authority.subjectName,
        notBefore: new Date(Date.now() - DAY_MS),
        notAfter,
        signingAlgorithm: SIGNATURE,
        publicKey: leafKeys.publicKey,
        signingKey: signer.privateKey,
        extensions: [...common, new SubjectAlternativeNameExtension([{ type: isIP(host) ? 'ip' : 'dns', value: host }])],
      });
      return { key: leafKeys.pem, certificate: `${certificate.toString('pem')}\n${files.certificate}`, notAfter };
    },
  };
}

async function toKeys(key: KeyObject) {
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { subtle } = webcrypto;
  const privateKey = await subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), CURVE, false, ['sign']);
  const publicKey = await subtle.importKey('spki', createPublicKey(key).export({ type: 'spki', format: 'der' }), CURVE, true, ['verify']);
  return { pem, privateKey, publicKey };
}

/** 16 random bytes; the first is neither 0 nor above 127, so that the number is positive and of one length. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
