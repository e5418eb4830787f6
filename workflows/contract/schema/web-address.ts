import { z } from 'zod';

/**
 * An address on the web. It holds no user name or password, because addresses are answered and logged. What is no address
 * at all is not looked at any further: rules that are added may take it apart.
 */
export const webAddress = (protocol: RegExp, accepted: string, instead: string) =>
  z
    .url({ protocol, error: accepted, abort: true })
    .max(2_048)
    .refine((text) => !new URL(text).username && !new URL(text).password, { error: `must not hold a user name or password; ${instead}` });
