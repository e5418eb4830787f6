import { describe, expect, it } from 'vitest';
import { createAllowList } from './allow-list.js';

describe('createAllowList', () => {
  it('allows nothing when it is empty', () => {
    expect(createAllowList([])({ host: '127.0.0.1', port: 80, address: '127.0.0.1' })).toBe(false);
  });

  it('allows an address on its port and on no other, under whatever name', () => {
    const allows = createAllowList(['127.0.0.1:8080', '[fd00::1]:443']);
    expect(allows({ host: 'localhost', port: 8080, address: '127.0.0.1' })).toBe(true);
    expect(allows({ host: 'localhost', port: 8081, address: '127.0.0.1' })).toBe(false);
    expect(allows({ host: 'localhost', port: 8080, address: '127.0.0.2' })).toBe(false);
    expect(allows({ host: 'x', port: 443, address: 'fd00:0::1' })).toBe(true);
  });

  it('allows what a name resolves to, on its port, for that name only', () => {
    const allows = createAllowList(['mcp.internal:9000']);
    expect(allows({ host: 'MCP.internal', port: 9000, address: '10.0.0.5' })).toBe(true);
    expect(allows({ host: 'other.internal', port: 9000, address: '10.0.0.5' })).toBe(false);
    expect(allows({ host: 'mcp.internal', port: 80, address: '10.0.0.5' })).toBe(false);
  });

  it('allows a network on every port, without its neighbours and without IPv4 inside IPv6', () => {
    const allows = createAllowList(['10.1.0.0/16', 'fd00:1::/64']);
    expect(allows({ host: 'x', port: 1, address: '10.1.255.1' })).toBe(true);
    expect(allows({ host: 'x', port: 1, address: '10.2.0.1' })).toBe(false);
    expect(allows({ host: 'x', port: 1, address: '::ffff:10.1.0.1' })).toBe(false);
    expect(allows({ host: 'x', port: 1, address: 'fd00:1::7' })).toBe(true);
  });

  it.each(['127.0.0.1', 'localhost', '10.0.0.0/33', 'http://a:1', ':80', 'a:b'])('refuses the entry %j', (entry) => {
    expect(() => createAllowList([entry])).toThrow('neither host:port nor a network');
  });
});
