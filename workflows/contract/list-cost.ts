import type { Money, SessionRecord, Usage } from './records.js';

/** List price of a model, in US dollars for a million tokens. Cached tokens cost what input does where no price of their own is given. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
  readonly cache_read?: number | undefined;
  readonly cache_write?: number | undefined;
}

const MICROS_PER_CENT = 10_000;

/** What one model request costs, in millionths of a US dollar. A price for a million tokens is as many micros for one token. */
export const costOf = (price: ModelPrice, usage: Omit<Usage, 'steps'>): number =>
  Math.ceil(
    usage.input_tokens * price.input +
      usage.output_tokens * price.output +
      usage.cache_read_input_tokens * (price.cache_read ?? price.input) +
      usage.cache_creation_input_tokens * (price.cache_write ?? price.input),
  );

/** As the wire writes money: whole cents; what has been begun counts. */
export const toMoney = (micros: number): Money => ({ amount: String(Math.ceil(micros / MICROS_PER_CENT)), currency: 'USD' });

export const toMicros = ({ amount }: Money): number => Number(amount) * MICROS_PER_CENT;

/** Whether the session may ask its model no more. */
export const isOverBudget = ({ budget, costMicros }: Pick<SessionRecord, 'budget' | 'costMicros'>): boolean =>
  budget !== null && costMicros >= toMicros(budget.max_list_cost);
