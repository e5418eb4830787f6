import type Docker from 'dockerode';

/** @param address `unix:///…` or `tcp://host:port` */
export function connectionOf(address: string): Docker.DockerOptions {
  const url = new URL(address);
  if (url.protocol === 'unix:') return { socketPath: url.pathname };
  return { host: url.hostname, port: url.port === '' ? 2375 : Number(url.port), protocol: 'http' };
}

/** The HTTP status that the engine answered with, if that is what went wrong. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
