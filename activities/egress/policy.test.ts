import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalHost, hostMatches, parseAuthority, writeAuthority } from './host-name.js';
import { CLOSED, type Destination, decide, type HostRule, isPassthrough, isPlainPath, type NetworkPolicy } from './policy.js';

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));
const destination = fc.record({
  host: name,
  port: fc.integer({ min: 1, max: 65_535 }),
  request: fc.record({ method: fc.constantFrom('GET', 'POST', 'DELETE'), path: fc.constantFrom('/', '/v1/a', '/v1/b?x=1', '/other') }),
});
const limited = (rules: readonly HostRule[], change: Partial<NetworkPolicy> = {}): NetworkPolicy => ({ ...CLOSED, rules, ...change });

describe('decide', () => {
  it('denies everything where no rule is', () => {
    fc.assert(fc.property(destination, (given) => decide(CLOSED, given).decision === 'deny'));
  });

  it('allows exactly the host of a rule, and nothing that merely looks like it', () => {
    fc.assert(
      fc.property(destination, name, (given, allowed) => {
        const policy = limited([{ host: allowed, name: 'x' }]);
        expect(decide(policy, given).decision).toBe(given.host === allowed ? 'allow' : 'deny');
        for (const host of [`evil${allowed}`, `${allowed}.evil`, `sub.${allowed}`, allowed.slice(1)]) {
          if (host !== allowed) expect(decide(policy, { ...given, host }).decision).toBe('deny');
        }
      }),
    );
  });

  it('reads *. as everything below a name, at any depth, and not the name itself', () => {
    fc.assert(
      fc.property(name, label, label, (base, one, two) => {
        const pattern = `*.${base}`;
        expect(hostMatches(pattern, `${one}.${base}`)).toBe(true);
        expect(hostMatches(pattern, `${two}.${one}.${base}`)).toBe(true);
        expect(hostMatches(pattern, base)).toBe(false);
        expect(hostMatches(pattern, `${one}${base}`)).toBe(false);
      }),
    );
  });

  it('never allows more by what a rule adds: ports, methods and paths only take away', () => {
    const rule = fc.record(
      {
        host: name,
        name: fc.constant('x'),
        ports: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 3 }),
        methods: fc.subarray(['GET', 'POST']),
        paths: fc.subarray(['/', '/v1/*']),
      },
      { requiredKeys: ['host', 'name'] },
    );
    fc.assert(
      fc.property(rule, destination, (narrow, given) => {
        const at = { ...given, host: narrow.host };
        const wide = decide(limited([{ host: narrow.host, name: 'x' }]), at);
        expect(wide.decision).toBe('allow');
        const verdict = decide(limited([narrow]), at);
        const fits =
          (narrow.ports?.includes(at.port) ?? true) &&
          (narrow.methods?.includes(at.request.method) ?? true) &&
          (narrow.paths?.some((path) => (path === '/' ? at.request.path === '/' : at.request.path.startsWith('/v1/'))) ?? true);
        expect(verdict.decision).toBe(fits ? 'allow' : 'deny');
        // A tunnel is opened if some request could pass, never if none could.
        const { request, ...tunnel } = at;
        expect(request).toBeDefined();
        if (fits) expect(decide(limited([narrow]), tunnel as Destination).decision).toBe('allow');
      }),
    );
  });

  it('asks about hosts no rule names, and never about what a rule refuses', () => {
    const policy = limited([{ host: 'a.example', methods: ['GET'], name: 'x' }], { unknownHosts: 'ask' });
    expect(decide(policy, { host: 'b.example', port: 443 }).decision).toBe('ask');
    expect(decide(policy, { host: 'a.example', port: 443, request: { method: 'POST', path: '/' } }).decision).toBe('deny');
    expect(decide(policy, { host: '1.1.1.1', port: 443 }).decision).toBe('deny');
  });

  it('keeps to an answer for the session, on its host and port', () => {
    const answers = [
      { host: 'a.example', port: 443, decision: 'allow', questionId: 'sevt_1' },
      { host: 'b.example', port: 443, decision: 'deny', questionId: 'sevt_2' },
    ] as const;
    const policy = limited([], { unknownHosts: 'ask', answers });
    expect(decide(policy, { host: 'a.example', port: 443 })).toEqual({ decision: 'allow', rule: 'answer sevt_1' });
    expect(decide(policy, { host: 'b.example', port: 443 }).decision).toBe('deny');
    expect(decide(policy, { host: 'a.example', port: 80 }).decision).toBe('ask');
  });

  it('lets addresses pass only where they are named, even without restrictions', () => {
    const policy = limited([{ host: '1.1.1.1', name: 'x' }], { unrestricted: true });
    expect(decide(policy, { host: '1.1.1.1', port: 443 }).decision).toBe('allow');
    expect(decide(policy, { host: '1.0.0.1', port: 443 }).decision).toBe('deny');
    expect(decide(policy, { host: 'example.org', port: 443 }).decision).toBe('allow');
    expect(hostMatches('*.1.1.1', '1.1.1.1')).toBe(false);
  });
});

it('opens the TLS of a host whose methods or paths are limited, passthrough or not', () => {
  const passthrough = [{ host: '*.example.org', ports: [443] }];
  expect(isPassthrough(limited([{ host: 'a.example.org', name: 'x' }], { passthrough }), 'a.example.org', 443)).toBe(true);
  expect(isPassthrough(limited([{ host: 'a.example.org', name: 'x' }], { passthrough }), 'a.example.org', 8443)).toBe(false);
  expect(isPassthrough(limited([{ host: 'a.example.org', methods: ['GET'], name: 'x' }], { passthrough }), 'a.example.org', 443)).toBe(false);
});

it.each(['/v1/../admin', '/v1/%2e%2e/admin', '/v1/..', '/v1//x', '/v1/%2Fx', '/v1\\..\\x', '/v1/./x', '/v1/..;/x', '/v1/%252e', 'v1', '*'])(
  'does not take %s for a path that a rule could speak about',
  (path) => {
    expect(isPlainPath(path)).toBe(false);
    expect(
      decide(limited([{ host: 'a.example', paths: ['/v1/*'], name: 'x' }]), { host: 'a.example', port: 443, request: { method: 'GET', path } }).decision,
    ).toBe('deny');
  },
);

describe('host names', () => {
  it('have one spelling', () => {
    fc.assert(
      fc.property(name, (given) => {
        expect(canonicalHost(given.toUpperCase())).toBe(given);
        expect(canonicalHost(`${given}.`)).toBe(given);
      }),
    );
    expect(canonicalHost('[2001:DB8:0:0::1]')).toBe('2001:db8::1');
  });

  it.each([
    '',
    '.',
    'a..b',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0x7f000001',
    '1.2.3.4.',
    '01.2.3.4',
    'a b',
    'a/b',
    'a@b',
    'a%2eb',
    'ä.de',
    '[::1%eth0]',
    '::1',
    '-a.de',
    'a:1',
  ])('are not %j', (text) => {
    expect(canonicalHost(text)).toBeUndefined();
  });

  it('are read with their port and written the same', () => {
    expect(parseAuthority('[::1]:443')).toEqual({ host: '::1', port: 443 });
    expect(parseAuthority('a.example')).toBeUndefined();
    expect(parseAuthority('a.example', 80)).toEqual({ host: 'a.example', port: 80 });
    for (const bad of ['a.example:', 'a.example:0', 'a.example:65536', 'a.example:80:80', 'u@a.example:80', 'a.example:8o'])
      expect(parseAuthority(bad, 80)).toBeUndefined();
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(parseAuthority(writeAuthority({ host, port }))).toEqual({ host, port });
      }),
    );
  });
});
