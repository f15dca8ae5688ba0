/** `counters` of the port. */
import type { Document } from 'mongodb';
import type { CounterState, Counters, Scope } from '../port.ts';
import { alive, type CounterDocument, date } from './documents.ts';
import { untilNoDuplicate } from './duplicates.ts';
import type { Link } from './link.ts';
import { assertStorable, isStorable, placeOf } from './names.ts';

export class MongoCounters implements Counters {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * The server computes, so that no two hits read the same number (ML-26). No upsert: who loses the race of two of them
   * has to ask again anyway, and a stand-in for MongoDB then forgets to answer (docs/adr/0007).
   */
  async hit(
    scope: Scope,
    key: string,
    rule: { readonly windowMs: number; readonly by?: number },
    now: number,
  ): Promise<CounterState> {
    assertStorable(scope, key);
    const { windowMs, by = 1 } = rule;
    const _id = placeOf(scope, '', key);
    const first = { _id, scope, kind: '', count: Math.max(0, by), expiresAt: date(now + windowMs) };
    const update = [{ $set: nextState(by, windowMs, now) }];
    return this.#link.run(({ counter }) =>
      untilNoDuplicate(async () => {
        const row = await counter.findOneAndUpdate({ _id }, update, { returnDocument: 'after' });
        if (!row) await counter.insertOne(first);
        return stateOf(row ?? first);
      }),
    );
  }

  async peek(scope: Scope, key: string, now: number): Promise<CounterState | undefined> {
    if (!isStorable(scope, key)) return undefined;
    const row = await this.#link.run(({ counter }) =>
      counter.findOne({ _id: placeOf(scope, '', key), ...alive(now) }),
    );
    return row ? stateOf(row) : undefined;
  }
}

function nextState(by: number, windowMs: number, now: number): Document {
  const isOpen = { $gt: ['$expiresAt', date(now)] };
  return {
    count: { $max: [0, { $add: [{ $cond: [isOpen, '$count', 0] }, by] }] },
    expiresAt: { $cond: [isOpen, '$expiresAt', date(now + windowMs)] },
  };
}

const stateOf = ({ count, expiresAt }: CounterDocument): CounterState => ({
  count,
  resetsAt: expiresAt.getTime(),
});
