import ipaddr from 'ipaddr.js';

/** Why an address must not be connected to, by the range ipaddr.js finds it in. Whatever is not listed is refused by its range's name. */
const RULES: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified network',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'a carrier-grade NAT address',
  private: 'a private address',
  uniqueLocal: 'a unique-local address',
  ipv4Mapped: 'an IPv4 address inside an IPv6 address',
  rfc6145: 'an IPv4 address inside an IPv6 address',
  rfc6052: 'an IPv4 address inside an IPv6 address (NAT64)',
  '6to4': 'an IPv4 address inside an IPv6 address (6to4)',
  teredo: 'an IPv4 address inside an IPv6 address (Teredo)',
};

/** Where clouds tell a machine its secrets, whatever range the address is in. The last is a public address that answers to guests only. */
const METADATA = new Set(['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '100.100.100.200', '168.63.129.16']);

/** The one block of IPv6 from which public addresses are given out. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Which rule refuses an address; undefined for a public one that is not among `own`. Pure. Text that is no address is refused as well. */
export function refusalOf(address: string, own: readonly string[] = []): string | undefined {
  if (!ipaddr.isValid(address)) return 'no address';
  const parsed = ipaddr.parse(address);
  if (METADATA.has(parsed.toString())) return 'a cloud metadata address';
  const range = parsed.range();
  if (range !== 'unicast') return RULES[range] ?? `a reserved address (${range})`;
  if (parsed.kind() === 'ipv6' && !parsed.match(GLOBAL_UNICAST)) return 'no public address';
  if (own.some((one) => ipaddr.isValid(one) && ipaddr.parse(one).toString() === parsed.toString())) return 'an address of this host';
  return undefined;
}
