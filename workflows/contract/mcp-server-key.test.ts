import { expect, it } from 'vitest';
import { mcpServerKey } from './mcp-server-key.js';

it.each([
  ['https://mcp.example.com/sse', 'https://mcp.example.com/sse'],
  ['https://mcp.example.com', 'https://mcp.example.com'],
  ['https://MCP.Example.com:443/', 'https://mcp.example.com'],
  ['https://mcp.example.com/a/../sse//', 'https://mcp.example.com/sse'],
  ['https://mcp.example.com/sse?tenant=1#top', 'https://mcp.example.com/sse'],
  ['http://mcp.example.com:8080/SSE', 'http://mcp.example.com:8080/SSE'],
])('an address has one spelling: %s', (address, key) => {
  expect(mcpServerKey(address)).toBe(key);
});

it.each([
  ['https://mcp.example.com/sse', 'http://mcp.example.com/sse'],
  ['https://mcp.example.com/sse', 'https://mcp.example.com:8443/sse'],
  ['https://mcp.example.com/sse', 'https://mcp.example.com.evil.example/sse'],
  ['https://mcp.example.com/sse', 'https://mcp.example.com/sse/deeper'],
  ['https://mcp.example.com/sse', 'https://mcp.example.com@evil.example/sse'],
])('%s is not %s', (one, other) => {
  expect(mcpServerKey(one)).not.toBe(mcpServerKey(other));
});
