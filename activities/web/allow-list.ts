import ipaddr from 'ipaddr.js';

/** Answers whether an operator has allowed a private address for a host and port. */
export type AllowList = (target: { readonly host: string; readonly port: number; readonly address: string }) => boolean;

/**
 * The exceptions of `RONDO_ALLOW_PRIVATE`. An entry is `host:port`, where a name allows whatever that name resolves to and
 * an address allows itself, or a network in CIDR form, for any port. Pure. Throws on an entry of another form.
 */
export function createAllowList(entries: readonly string[]): AllowList {
  const rules = entries.map(toRule);
  return (target) => rules.some((rule) => rule(target));
}

function toRule(entry: string): AllowList {
  if (ipaddr.isValidCIDR(entry)) {
    const [network, bits] = ipaddr.parseCIDR(entry);
    return ({ address }) => {
      const parsed = ipaddr.parse(address);
      return parsed.kind() === network.kind() && parsed.match(network, bits);
    };
  }
  const { host = '', port = '' } = /^(?<host>\[[^\]]+\]|[^\s:/[\]]+):(?<port>\d{1,5})$/.exec(entry)?.groups ?? {};
  const allowed = withoutBrackets(host);
  if (!allowed) throw new TypeError(`${JSON.stringify(entry)} is neither host:port nor a network such as 10.1.0.0/16.`);
  if (ipaddr.isValid(allowed)) {
    const normal = ipaddr.parse(allowed).toString();
    return (target) => target.port === Number(port) && ipaddr.parse(target.address).toString() === normal;
  }
  return (target) => target.port === Number(port) && target.host.toLowerCase() === allowed.toLowerCase();
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');
