/** `oneTime` of the port. */
import type { JsonObject, OneTime, Scope } from '../port.ts';
import { alive, BY_ID, date, ended, parse } from './documents.ts';
import type { Link } from './link.ts';
import { assertStorable, isStorable, placeOf } from './names.ts';

export class MongoOneTime implements OneTime {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Takes the place of a row that has ended; where one lives, the insert half of it meets that row's id. */
  async put(
    scope: Scope,
    kind: string,
    key: string,
    data: JsonObject,
    expiresAt: number,
    now: number,
  ): Promise<void> {
    assertStorable(scope, kind, key);
    const row = { scope, kind, data: JSON.stringify(data), expiresAt: date(expiresAt) };
    await this.#link.run(({ oneTime }) =>
      oneTime.replaceOne({ _id: placeOf(scope, kind, key), ...ended(now) }, row, { upsert: true, ...BY_ID }),
    );
  }

  async peek(scope: Scope, kind: string, key: string, now: number): Promise<JsonObject | undefined> {
    if (!isStorable(scope, kind, key)) return undefined;
    const row = await this.#link.run(({ oneTime }) =>
      oneTime.findOne({ _id: placeOf(scope, kind, key), ...alive(now) }),
    );
    return row ? parse(row.data) : undefined;
  }

  async consume(scope: Scope, kind: string, key: string, now: number): Promise<JsonObject | undefined> {
    if (!isStorable(scope, kind, key)) return undefined;
    const row = await this.#link.run(({ oneTime }) =>
      oneTime.findOneAndDelete({ _id: placeOf(scope, kind, key), ...alive(now) }),
    );
    return row ? parse(row.data) : undefined;
  }
}
