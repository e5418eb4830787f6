import { expect, it } from 'vitest';
import { networkPrompt } from './network-prompt.js';

const limited = (change: object) => ({ type: 'limited' as const, allowed_hosts: [], allow_mcp_servers: false, allow_package_managers: false, ...change });

it('says that there is none where nothing may be reached', () => {
  expect(networkPrompt({ networking: undefined, variables: [] })).toBe('It has no network.');
  expect(networkPrompt({ networking: limited({}), variables: [] })).toBe('It has no network.');
});

it('names the hosts, and what becomes of others', () => {
  const networking = limited({ allowed_hosts: ['api.example.com', { host: '*.example.org', ports: [443] }], allow_package_managers: true });
  const prompt = networkPrompt({ networking, variables: [] });
  expect(prompt).toMatch(/: api\.example\.com, \*\.example\.org, package registries\. Other hosts are refused\.$/);
  expect(networkPrompt({ networking: { ...networking, unknown_hosts: 'ask' }, variables: [] })).toMatch(/a person is asked, and the request waits\.$/);
});

it('counts what would be too many to name', () => {
  const allowed_hosts = Array.from({ length: 100 }, (_, index) => `h${index}.example`);
  expect(networkPrompt({ networking: limited({ allowed_hosts }), variables: [] })).toContain('h29.example, 70 more.');
});

it('names the variables of secrets, and how they are used', () => {
  expect(networkPrompt({ networking: { type: 'unrestricted' }, variables: ['STRIPE_KEY', 'NPM_TOKEN'] })).toMatch(
    /HTTPS_PROXY\).*\n.*placeholders of secrets: STRIPE_KEY, NPM_TOKEN\./,
  );
});
