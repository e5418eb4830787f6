import type { Config } from '../config/config.js';
import { deriveAppUrl } from './migrate.js';

/** Where the application connects: as configured, or as the role that the migrations make for the owner's database. */
export const applicationUrl = ({ postgres }: Config): string | undefined =>
  postgres.appUrl?.reveal() ?? (postgres.ownerUrl ? deriveAppUrl(postgres.ownerUrl.reveal()) : undefined);
