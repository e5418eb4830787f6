import { chmod, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { CA_BUNDLE, CA_CERTIFICATE, CA_TRUST_STORE } from '../../activities/sandbox/egress-environment.js';
import { javaTrustStore } from './java-truststore.js';
import { type AuthorityFiles, createAuthority } from './x509.adapter.js';

/** The authority of an installation, and the folder of what sandboxes may read of it. */
export interface InstalledAuthority {
  readonly files: AuthorityFiles;
  readonly publicFolder: string;
}

/** The files in that folder. */
export const PUBLIC_FILES: readonly string[] = [CA_CERTIFICATE, CA_BUNDLE, CA_TRUST_STORE];

/** Reads the authority in a folder; makes one the first time. The key never leaves its file, which only its owner reads. */
export async function installAuthority(folder: string, installation: string): Promise<InstalledAuthority> {
  const publicFolder = join(folder, 'public');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await mkdir(publicFolder, { recursive: true, mode: 0o755 });
  const files = (await read(folder)) ?? (await make(folder, installation));
  const trusted = [...rootCertificates, files.certificate.trim()];
  await replace(join(publicFolder, CA_CERTIFICATE), files.certificate);
  await replace(join(publicFolder, CA_BUNDLE), `${trusted.join('\n')}\n`);
  await replace(join(publicFolder, CA_TRUST_STORE), javaTrustStore(trusted));
  return { files, publicFolder };
}

const keyFile = (folder: string): string => join(folder, 'ca-key.pem');
const certificateFile = (folder: string): string => join(folder, 'ca-certificate.pem');

async function read(folder: string): Promise<AuthorityFiles | undefined> {
  try {
    return { key: await readFile(keyFile(folder), 'utf8'), certificate: await readFile(certificateFile(folder), 'utf8') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key is written last: where it is, the certificate is too. */
async function make(folder: string, installation: string): Promise<AuthorityFiles> {
  const files = await createAuthority(installation);
  await replace(certificateFile(folder), files.certificate);
  await replace(keyFile(folder), files.key, 0o600);
  return files;
}

/** Whoever reads it meanwhile sees the old content or the new. */
async function replace(file: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const next = `${file}.${process.pid}`;
  await writeFile(next, content, { mode });
  await chmod(next, mode);
  const written = await open(next, 'r');
  try {
    await written.sync();
  } finally {
    await written.close();
  }
  await rename(next, file);
}
