/** Remembers what a killed process had been told is durable, and asks the store for it. */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { AppId } from '../../src/core/ids.ts';
import type { JsonObject, Store } from '../../src/store/port.ts';
import { NOW } from './store-samples.ts';

/** Long enough for overflow pages now and then; a half record would not match its own sum. */
export function sealedData(id: string): JsonObject {
  const sum = createHash('sha256').update(id).digest('hex');
  return { id, sum, pad: sum.repeat(1 + (Number.parseInt(sum.slice(0, 4), 16) % 120)) };
}

export class Witness {
  readonly #lines: string[] = [];
  readonly #consumed = new Set<string>();
  readonly #counts = new Map<string, number>();

  /** @param said all that came through the pipe; a line cut by the kill was no acknowledgement */
  hear(said: string): void {
    const lines = said.slice(0, said.lastIndexOf('\n') + 1).split('\n');
    for (const line of lines) {
      const [word = '', id = '', count] = line.split(' ');
      if (word === 'consumed') this.#consumed.add(id);
      else if (word === 'count') this.#counts.set(id, Math.max(this.#counts.get(id) ?? 0, Number(count)));
      if (word !== '' && word !== 'ready' && word !== 'count') this.#lines.push(line);
    }
  }

  get acknowledged(): number {
    return this.#lines.length;
  }

  /** Every acknowledged write is there. */
  async assertAllThere(store: Store, scope: AppId): Promise<void> {
    for (const line of this.#lines.splice(0)) {
      const [word = '', id = ''] = line.split(' ');
      expect(await this.#isThere(store, scope, word, id), `lost after the kill: ${line}`).to.equal(true);
    }
    for (const [caller, count] of this.#counts) {
      const state = await store.counters.peek(scope, `counter ${caller}`, NOW);
      expect(state?.count ?? 0, `hits of caller ${caller}`).to.be.at.least(count);
    }
  }

  async #isThere(store: Store, scope: AppId, word: string, id: string): Promise<boolean> {
    if (word === 'record') {
      return (
        (await store.records.findByKey<JsonObject>(scope, 'kind', `key ${id}`, NOW))?.data.sum ===
        sealedData(id).sum
      );
    }
    if (word === 'artifact') {
      const found = await store.artifacts.findBy(scope, 'Code', 'grantId', id, NOW);
      return found.length === 1 && found[0]?.data.sum === sealedData(id).sum;
    }
    if (word === 'mark') {
      return (await store.artifacts.find(scope, 'Code', id, NOW))?.marks.consumed?.by === id;
    }
    const pass = await store.oneTime.peek(scope, 'pass', id, NOW);
    if (word === 'consumed') return pass === undefined;
    // The kill may fall between the consumption and its acknowledgement.
    return pass?.sum === sealedData(id).sum || this.#consumed.has(id) || Number(id.split('-')[2]) % 2 === 1;
  }
}

/** What is there is whole: each row is its own sum's, by every index. */
export async function assertNoHalfRecords(store: Store, scope: AppId): Promise<void> {
  let after = '';
  for (;;) {
    const rows = await store.records.list(scope, 'kind', { after, limit: 500 }, NOW);
    for (const row of rows) {
      expect(row.data).to.deep.equal(sealedData(row.id));
      expect(row).to.include({ version: 1, key: `key ${row.id}`, group: row.id.split('-')[0] });
      const artifact = await store.artifacts.find(scope, 'Code', row.id, NOW);
      if (artifact) expect(artifact.data).to.deep.equal(sealedData(row.id));
      const pass = await store.oneTime.peek(scope, 'pass', row.id, NOW);
      if (pass) expect(pass).to.deep.equal(sealedData(row.id));
    }
    const last = rows.at(-1);
    if (!last) return;
    after = last.id;
  }
}

/** No page damaged, no index entry without its row, nor a row without its entries. */
export function assertSound(file: string): void {
  const db = new DatabaseSync(file);
  try {
    expect(db.prepare('PRAGMA integrity_check').get()).to.deep.equal({ integrity_check: 'ok' });
  } finally {
    db.close();
  }
}
