import type { Pool } from '../../../infra/postgres/pool.js';
import type { SessionClient } from '../../../infra/temporal/session-client.js';
import type { IsolationLevel } from '../../../workflows/contract/isolation.js';
import { checkReadiness, type Readiness } from './readiness.js';

const REMEMBER_MS = 1_000;

/** The open door's answers; looked up at most once a second, however often strangers ask. */
export class HealthService {
  readonly #look: () => Promise<Readiness>;
  #last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;

  constructor(pool: Pool, client: SessionClient, minimumIsolation: IsolationLevel | undefined) {
    this.#look = () => checkReadiness(pool, client, minimumIsolation);
  }

  readiness(): Promise<Readiness> {
    if (!this.#last || Date.now() - this.#last.at > REMEMBER_MS) this.#last = { at: Date.now(), answer: this.#look() };
    return this.#last.answer;
  }
}
