import { describe, expect, it } from 'vitest';
import { createAddressGuard } from './address-guard.js';
import { refusalOf } from './address-rules.js';

describe('refusalOf', () => {
  it.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['100.127.255.255', 'carrier-grade NAT'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.1.1', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['192.0.0.192', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['192.88.99.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['198.51.100.1', 'reserved'],
    ['203.0.113.1', 'reserved'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'no public'],
    ['::127.0.0.1', 'inside an IPv6'],
    ['::ffff:127.0.0.1', 'inside an IPv6'],
    ['::ffff:8.8.8.8', 'inside an IPv6'],
    ['::ffff:0:10.0.0.1', 'inside an IPv6'],
    ['64:ff9b::a00:1', 'NAT64'],
    ['64:ff9b:1::a00:1', 'NAT64'],
    ['2002:7f00:1::1', '6to4'],
    ['2001:0:7f00:1::1', 'Teredo'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fec0::1', 'reserved'],
    ['fc00::1', 'unique-local'],
    ['fd12:3456:789a::1', 'unique-local'],
    ['fd00:ec2::254', 'metadata'],
    ['ff02::1', 'multicast'],
    ['100::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['3fff::1', 'reserved'],
    ['4000::1', 'no public'],
    ['example.org', 'no address'],
    ['', 'no address'],
  ])('refuses %s', (address, rule) => {
    expect(refusalOf(address)).toContain(rule);
  });

  it.each(['1.1.1.1', '8.8.8.8', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1', '223.255.255.255', '2606:4700:4700::1111', '2a00:1450::1'])(
    'lets the public address %s pass',
    (address) => {
      expect(refusalOf(address)).toBeUndefined();
    },
  );

  it.each([
    ['2606:4700:4700::1111', '2606:4700:4700:0:0:0:0:1111'],
    ['8.8.8.8', '8.8.8.8'],
  ])('refuses %s where it is an address of this host, unless it is named', async (own, address) => {
    const guard = (allowPrivate: string[]) =>
      createAddressGuard({ allowPrivate, resolver: async () => [{ address }], ownAddresses: () => ['127.0.0.1', 'fe80::1%eth0', own] });
    await expect(guard([]).resolve('own.example.com', 443)).rejects.toThrow('an address of this host');
    await expect(guard(['own.example.com:443']).resolve('own.example.com', 443)).resolves.toHaveLength(1);
    expect(refusalOf('8.8.4.4', [own])).toBeUndefined();
  });
});
