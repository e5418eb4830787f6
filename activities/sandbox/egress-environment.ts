import { EGRESS_PATH } from './supervisor-command.js';

/** What lies in the egress gateway's folder of a sandbox. */
export const EGRESS_SOCKET = 'egress.sock';
export const CA_CERTIFICATE = 'ca.pem';
export const CA_BUNDLE = 'ca-bundle.pem';
export const CA_TRUST_STORE = 'ca.jks';

/** Java asks for one to open a trust store; it protects nothing. */
export const TRUST_STORE_PASSWORD = 'changeit';

/** Where the supervisor listens for programs that use a proxy. */
export const PROXY_PORT = 3128;

export interface EgressAddress {
  /** `http://127.0.0.1:3128` in a sandbox. */
  readonly proxyUrl: string;
  /** The folder with the certificates. */
  readonly folder: string;
}

/**
 * The variables by which the programs of a sandbox find the way out and trust it: the usual ones, and those of programs that
 * keep certificates of their own. Both spellings of the proxy's, since curl reads `http_proxy` in lower case only.
 */
export function egressEnvironment(
  { proxyUrl, folder }: EgressAddress = { proxyUrl: `http://127.0.0.1:${PROXY_PORT}`, folder: EGRESS_PATH },
): Readonly<Record<string, string>> {
  const { hostname, port } = new URL(proxyUrl);
  const bundle = `${folder}/${CA_BUNDLE}`;
  const local = 'localhost,127.0.0.1,::1';
  return {
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    ALL_PROXY: proxyUrl,
    NO_PROXY: local,
    http_proxy: proxyUrl,
    https_proxy: proxyUrl,
    all_proxy: proxyUrl,
    no_proxy: local,
    SSL_CERT_FILE: bundle,
    CURL_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    PIP_CERT: bundle,
    NODE_EXTRA_CA_CERTS: `${folder}/${CA_CERTIFICATE}`,
    NODE_USE_ENV_PROXY: '1',
    CARGO_HTTP_CAINFO: bundle,
    AWS_CA_BUNDLE: bundle,
    DENO_CERT: `${folder}/${CA_CERTIFICATE}`,
    JAVA_TOOL_OPTIONS: [
      `-Dhttp.proxyHost=${hostname}`,
      `-Dhttp.proxyPort=${port}`,
      `-Dhttps.proxyHost=${hostname}`,
      `-Dhttps.proxyPort=${port}`,
      '-Dhttp.nonProxyHosts=localhost|127.0.0.1|[::1]',
      `-Djavax.net.ssl.trustStore=${folder}/${CA_TRUST_STORE}`,
      '-Djavax.net.ssl.trustStoreType=JKS',
      `-Djavax.net.ssl.trustStorePassword=${TRUST_STORE_PASSWORD}`,
    ].join(' '),
  };
}
