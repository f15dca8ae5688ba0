/** `counters` of the port. */
import type { CounterState, Counters, Scope } from '../port.ts';
import { assertStorable, isStorable } from './cells.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export class SqliteCounters implements Counters {
  readonly #writer: Writer;
  readonly #reader: () => Reader;

  constructor(writer: Writer, reader: () => Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async hit(
    scope: Scope,
    key: string,
    rule: { readonly windowMs: number; readonly by?: number },
    now: number,
  ): Promise<CounterState> {
    assertStorable(scope, key);
    const { windowMs, by = 1 } = rule;
    const [count, resetsAt] = await this.#writer.run('counterHit', scope, key, by, windowMs, now);
    return { count, resetsAt };
  }

  async peek(scope: Scope, key: string, now: number): Promise<CounterState | undefined> {
    if (!isStorable(scope, key)) return undefined;
    const row = await this.#reader().one('counter', scope, key, now);
    return row && { count: Number(row[0]), resetsAt: Number(row[1]) };
  }
}
