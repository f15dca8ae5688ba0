/** `oneTime` of the port. */
import { type JsonObject, type OneTime, type Scope, StoreConflict } from '../port.ts';
import { assertStorable, isStorable, parse } from './cells.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export class SqliteOneTime implements OneTime {
  readonly #writer: Writer;
  readonly #reader: () => Reader;

  constructor(writer: Writer, reader: () => Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async put(
    scope: Scope,
    kind: string,
    key: string,
    data: JsonObject,
    expiresAt: number,
    now: number,
  ): Promise<void> {
    assertStorable(scope, kind, key);
    const isPut = await this.#writer.run(
      'oneTimePut',
      scope,
      kind,
      key,
      JSON.stringify(data),
      expiresAt,
      now,
    );
    if (!isPut) throw new StoreConflict();
  }

  async peek(scope: Scope, kind: string, key: string, now: number): Promise<JsonObject | undefined> {
    if (!isStorable(scope, kind, key)) return undefined;
    const row = await this.#reader().one('oneTime', scope, kind, key, now);
    return row && parse<JsonObject>(row[0]);
  }

  async consume(scope: Scope, kind: string, key: string, now: number): Promise<JsonObject | undefined> {
    if (!isStorable(scope, kind, key)) return undefined;
    const data = await this.#writer.run('oneTimeConsume', scope, kind, key, now);
    return data === null ? undefined : parse<JsonObject>(data);
  }
}
