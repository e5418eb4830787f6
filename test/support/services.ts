import { readFileSync } from 'node:fs';
import { inject } from 'vitest';
import type { TestServices } from './global-setup.js';

/** The services the global set-up has started. */
export const testServices = (): TestServices => JSON.parse(readFileSync(inject('services'), 'utf8')) as TestServices;
