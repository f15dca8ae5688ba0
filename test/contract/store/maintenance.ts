/** The contract of the other side: what `postern store migrate` and the revocation epoch stand on. */
import { expect } from 'chai';
import type { Maintenance, Table, TransferRow } from '../../../src/store/maintenance.ts';
import { placeOf, TABLES } from '../../../src/store/maintenance.ts';
import type { Store } from '../../../src/store/port.ts';
import { freshScope, NOW } from '../../support/store-samples.ts';

export interface MaintenanceOpening {
  /** Prepared and empty. */
  readonly store: Store;
  readonly maintenance: Maintenance;
  close(): Promise<void>;
}

const LATER = NOW + 1_000_000;

export function maintenanceContract(name: string, open: () => Promise<MaintenanceOpening>): void {
  describe(`store maintenance: ${name}`, () => {
    let from: MaintenanceOpening;
    let to: MaintenanceOpening;
    beforeEach(async () => {
      [from, to] = await Promise.all([open(), open()]);
    });
    afterEach(() => Promise.all([from.close(), to.close()]));

    it('dumps every live row of every table, in pages of any size, each exactly once', async () => {
      await fill(from.store);
      const whole = await everything(from.maintenance, 1000);
      expect(whole.length).to.equal(60 + 7 + 5 + 4);
      for (const limit of [1, 7]) expect(await everything(from.maintenance, limit)).to.deep.equal(whole);
      const names = whole.map((row) => JSON.stringify([row.table, placeOf(row)]));
      expect(new Set(names).size).to.equal(whole.length);
    });

    it('loads rows as they were: versions, marks, keys, groups, due and expiry times, counts', async () => {
      await fill(from.store);
      const rows = await everything(from.maintenance, 1000);
      await to.maintenance.load(rows);
      expect(inOrder(await everything(to.maintenance, 1000))).to.deep.equal(inOrder(rows));
      const record = rows.find((row) => row.table === 'record' && row.kind === 'replaced');
      if (record?.table !== 'record') throw new Error('no such row');
      const found = await to.store.records.find(record.scope, record.kind, record.id, NOW);
      expect(found).to.include({ version: 3, key: 'key ü', group: 'group', dueAt: 5, expiresAt: LATER });
      expect(await to.store.records.findByKey(record.scope, record.kind, 'key ü', NOW)).to.deep.equal(found);
      expect(await to.store.records.replace(record.scope, record.kind, { ...record }, NOW)).to.have.property(
        'version',
        4,
      );
    });

    it('loading again what is there changes nothing: an interrupted page is simply repeated', async () => {
      await fill(from.store);
      const rows = await everything(from.maintenance, 1000);
      await to.maintenance.load(rows.slice(0, 20));
      await to.maintenance.load(rows);
      expect(inOrder(await everything(to.maintenance, 1000))).to.deep.equal(inOrder(rows));
    });

    it('what was single use there is single use here, and what was spent stays spent', async () => {
      const scope = freshScope();
      await from.store.oneTime.put(scope, 'pass', 'spent', {}, LATER, NOW);
      await from.store.oneTime.put(scope, 'pass', 'open', { n: 1 }, LATER, NOW);
      await from.store.oneTime.consume(scope, 'pass', 'spent', NOW);
      await from.store.artifacts.insert(scope, 'Code', { id: 'a', data: {}, expiresAt: LATER }, NOW);
      await from.store.artifacts.mark(scope, 'Code', 'a', 'consumed', { at: 7 }, NOW);
      await to.maintenance.load(await everything(from.maintenance, 1000));
      expect(await to.store.oneTime.consume(scope, 'pass', 'spent', NOW)).to.equal(undefined);
      expect(await to.store.oneTime.consume(scope, 'pass', 'open', NOW)).to.deep.equal({ n: 1 });
      const again = await to.store.artifacts.mark(scope, 'Code', 'a', 'consumed', { at: 9 }, NOW);
      expect(again.won).to.equal(false);
      expect(again.artifact?.marks.consumed).to.deep.equal({ at: 7 });
    });

    it('leaves expired rows behind', async () => {
      const scope = freshScope();
      await from.store.records.insert(scope, 'kind', { id: 'dead', data: {}, expiresAt: NOW + 1 }, NOW);
      await from.store.oneTime.put(scope, 'kind', 'dead', {}, NOW + 1, NOW);
      await from.store.artifacts.insert(scope, 'M', { id: 'dead', data: {}, expiresAt: NOW + 1 }, NOW);
      await from.store.counters.hit(scope, 'dead', { windowMs: 1 }, NOW);
      expect(await everything(from.maintenance, 10, NOW + 1)).to.deep.equal([]);
      expect(await everything(from.maintenance, 10)).to.have.lengthOf(4);
    });

    it('counts live rows by table and kind', async () => {
      await fill(from.store);
      const sizes = await from.maintenance.sizes(NOW);
      const counts = Object.fromEntries(sizes.map((size) => [`${size.table} ${size.kind}`, size.rows]));
      expect(counts).to.deep.equal({
        'record many': 59,
        'record replaced': 1,
        'oneTime pass': 7,
        'artifact Grant': 2,
        'artifact Session': 3,
        'counter ': 4,
      });
      for (const size of sizes) if (size.table !== 'counter') expect(size.bytes).to.be.greaterThan(0);
    });

    it('removes one kind everywhere and nothing else', async () => {
      await fill(from.store);
      expect(await from.maintenance.removeKind('record', 'many')).to.equal(59);
      expect(await from.maintenance.removeKind('oneTime', 'pass')).to.equal(7);
      expect(await from.maintenance.removeKind('oneTime', 'none')).to.equal(0);
      const left = await everything(from.maintenance, 1000);
      expect(left.map((row) => row.table).toSorted()).to.deep.equal(
        ['record', ...Array(5).fill('artifact'), ...Array(4).fill('counter')].toSorted(),
      );
    });

    it('clears everything', async () => {
      await fill(from.store);
      await from.maintenance.clear();
      expect(await everything(from.maintenance, 1000)).to.deep.equal([]);
      expect(await from.maintenance.sizes(NOW)).to.deep.equal([]);
    });

    it('finds a healthy store in order', async () => {
      await fill(from.store);
      const findings = await from.maintenance.inspect({ thorough: true });
      expect(findings.length).to.be.greaterThan(3);
      expect(findings.filter((finding) => finding.level === 'fault')).to.deep.equal([]);
    });
  });
}

/** 60 records, 7 one-time values, 5 artifacts and 4 counters, over three scopes. */
async function fill(store: Store): Promise<void> {
  const scopes = [freshScope(), freshScope(), '@system'] as const;
  const [scope] = scopes;
  const inserted = await store.records.insert(
    scope,
    'replaced',
    { id: 'ünï\u{1F600}', data: { text: 'ß\u0000\ud800', deep: [1, { a: null }] }, key: 'first' },
    NOW,
  );
  const next = { ...inserted, key: 'key ü', group: 'group', dueAt: 5, expiresAt: LATER };
  const second = await store.records.replace(scope, 'replaced', next, NOW);
  await store.records.replace(scope, 'replaced', { ...next, version: second?.version ?? 0 }, NOW);
  const work: Promise<unknown>[] = [];
  for (let index = 0; index < 59; index += 1) {
    const at = scopes[index % scopes.length] ?? scope;
    work.push(store.records.insert(at, 'many', { id: `id-${index}`, data: { index } }, NOW));
  }
  for (let index = 0; index < 7; index += 1) {
    work.push(store.oneTime.put(scope, 'pass', `key-${index}`, { index }, LATER, NOW));
  }
  for (let index = 0; index < 4; index += 1) {
    work.push(store.counters.hit(scope, `counter-${index}`, { windowMs: 1_000_000, by: index }, NOW));
  }
  for (let index = 0; index < 3; index += 1) {
    const draft = { id: `s-${index}`, data: { index }, uid: `u-${index}`, accountId: 'a', expiresAt: LATER };
    work.push(store.artifacts.insert(scope, 'Session', draft, NOW));
  }
  for (const id of ['g-1', 'g-2']) {
    const draft = { id, data: { id }, uid: 'u-1', clientId: 'c', grantId: 'g' };
    work.push(store.artifacts.insert(scope, 'Grant', draft, NOW));
  }
  await Promise.all(work);
  await store.artifacts.mark(scope, 'Grant', 'g-1', 'tombstone', { reason: 'test', at: 1.5 }, NOW);
}

async function everything(maintenance: Maintenance, limit: number, now = NOW): Promise<TransferRow[]> {
  const rows: TransferRow[] = [];
  for (const table of TABLES) rows.push(...(await allOf(maintenance, table, limit, now)));
  return rows;
}

async function allOf(maintenance: Maintenance, table: Table, limit: number, now: number) {
  const rows: TransferRow[] = [];
  for (;;) {
    const last = rows.at(-1);
    const page = await maintenance.dump(table, last && placeOf(last), limit, now);
    rows.push(...page);
    if (page.length < limit) return rows;
  }
}

/** Two backends may order names differently. */
const inOrder = (rows: readonly TransferRow[]): TransferRow[] =>
  rows.toSorted((a, b) => (JSON.stringify(placeOf(a)) < JSON.stringify(placeOf(b)) ? -1 : 1));
