import { z } from 'zod';

export const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((value) => Object.keys(value).length <= 16, 'must have at most 16 entries')
  .nullish()
  .describe('At most 16 texts of your own by key, stored and answered; the model does not see them.');

export const MetadataPatch = z
  .record(z.string().min(1).max(64), z.string().max(512).nullable())
  .nullish()
  .describe('Changes of what is stored: a text sets a key, null deletes it, other keys stay. At most 16 are kept.');
