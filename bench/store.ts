/**
 * A store alone: durable operations per second and CPU per operation, of the whole process and of its main thread.
 * `node bench/store.ts [--quick] [--rows 200000] [--dir path] [--url mongodb://host/empty-database]`; without a URL the
 * embedded store. Pin it to one core (`taskset -c 0`) to see what
 * a server and its writer thread get that share one. Every case runs in alternating rounds; medians are printed. The
 * directory decides: figures from a RAM disk mean nothing, because nothing is flushed there.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asAppId } from '../src/core/ids.ts';
import { randomToken } from '../src/core/random.ts';
import { openStore } from '../src/store/open.ts';
import type { Store } from '../src/store/port.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string', default: '50000' },
    dir: { type: 'string', default: '.cache' },
    url: { type: 'string', default: 'sqlite:store.db' },
  },
});

const ROUNDS = options.quick ? 1 : 5;
const SCALE = options.quick ? 0.2 : 1;
const NOW = 2_000_000_000_000;
const HOUR = 3_600_000;
const APPS = Array.from({ length: 20 }, () => asAppId(randomToken()));
const DATA = { text: 'x'.repeat(580) };

interface Case {
  readonly name: string;
  readonly callers: number;
  readonly operations: number;
  /** One operation; `n` counts up from 0 over all callers. */
  readonly run: (store: Store, n: number) => Promise<unknown>;
}

interface Figures {
  readonly perSecond: number;
  /** CPU per operation of the process, µs: all threads and the kernel on their behalf. */
  readonly cpu: number;
  /** The same of the main thread alone. */
  readonly mainCpu: number;
}

const appOf = (n: number) => APPS[n % APPS.length] ?? asAppId('none');
const token = (): string => randomToken(32);

/** Ids that are there, for the cases that read or change. */
const present: string[] = [];
const idOf = (n: number): string => present[(n * 7919) % present.length] ?? '';
/** A mark wins once per row and name, so each takes the next row, over all rounds. */
let marked = 0;
const scopeOf = (n: number) => appOf((n * 7919) % present.length);

const upsertNew = (store: Store, n: number) =>
  store.artifacts.upsert(appOf(n), 'Token', { id: token(), data: DATA, expiresAt: NOW + HOUR + n }, NOW);

const insertIndexed = (store: Store, n: number) => {
  const indexes = { grantId: token(), accountId: randomToken(), clientId: 'web' };
  return store.artifacts.insert(
    appOf(n),
    'Code',
    { id: token(), data: DATA, ...indexes, expiresAt: NOW + HOUR },
    NOW,
  );
};

const CASES: readonly Case[] = [
  { name: 'upsert, new row of 600 B', callers: 1, operations: 4000, run: upsertNew },
  { name: 'upsert, new row of 600 B', callers: 16, operations: 20000, run: upsertNew },
  { name: 'upsert, new row of 600 B', callers: 64, operations: 30000, run: upsertNew },
  { name: 'insert with grant, account, client', callers: 16, operations: 15000, run: insertIndexed },
  {
    name: 'upsert, row that is there',
    callers: 16,
    operations: 20000,
    run: (store, n) =>
      store.artifacts.upsert(scopeOf(n), 'Seed', { id: idOf(n), data: DATA, expiresAt: NOW + HOUR + n }, NOW),
  },
  {
    name: 'mark, as the winner',
    callers: 16,
    operations: 15000,
    run: (store) => {
      const n = marked++;
      const at = n % present.length;
      const name = `mark${Math.floor(n / present.length)}`;
      return store.artifacts.mark(appOf(at), 'Seed', present[at] ?? '', name, { at: NOW }, NOW);
    },
  },
  {
    name: 'counter hit',
    callers: 16,
    operations: 20000,
    run: (store, n) => store.counters.hit(appOf(n), `key ${n % 5000}`, { windowMs: HOUR }, NOW),
  },
  {
    name: 'record insert + replace + remove',
    callers: 16,
    operations: 6000,
    run: async (store, n) => {
      const draft = { id: token(), data: DATA, group: `g${n % 50}`, dueAt: NOW + n, expiresAt: NOW + HOUR };
      const row = await store.records.insert(appOf(n), 'job', draft, NOW);
      await store.records.replace(appOf(n), 'job', { ...row, dueAt: NOW + n + 60 }, NOW);
      await store.records.remove(appOf(n), 'job', row.id);
    },
  },
  {
    name: 'one-time put + consume',
    callers: 16,
    operations: 8000,
    run: async (store, n) => {
      const key = token();
      await store.oneTime.put(appOf(n), 'pass', key, DATA, NOW + HOUR, NOW);
      await store.oneTime.consume(appOf(n), 'pass', key, NOW);
    },
  },
  {
    name: 'find',
    callers: 1,
    operations: 50000,
    run: (store, n) => store.artifacts.find(scopeOf(n), 'Seed', idOf(n), NOW),
  },
  {
    name: 'counter hit, then find',
    callers: 1,
    operations: 4000,
    run: async (store, n) => {
      await store.counters.hit(appOf(n), 'key', { windowMs: HOUR }, NOW);
      await store.artifacts.find(scopeOf(n), 'Seed', idOf(n), NOW);
    },
  },
];

async function measure(store: Store, { callers, operations, run }: Case): Promise<Figures> {
  const total = Math.ceil(operations * SCALE);
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < total) await run(store, next++);
  };
  const began = performance.now();
  const cpu = process.cpuUsage();
  const mainCpu = process.threadCpuUsage();
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - began) / 1000;
  const sum = (usage: NodeJS.CpuUsage): number => (usage.user + usage.system) / total;
  return {
    perSecond: total / seconds,
    cpu: sum(process.cpuUsage(cpu)),
    mainCpu: sum(process.threadCpuUsage(mainCpu)),
  };
}

async function seed(store: Store, rows: number): Promise<void> {
  const caller = async (): Promise<void> => {
    while (present.length < rows) {
      const n = present.push(token()) - 1;
      const draft = { id: present[n] ?? '', data: DATA, uid: token(), expiresAt: NOW + HOUR };
      await store.artifacts.upsert(appOf(n), 'Seed', draft, NOW);
    }
  };
  await Promise.all(Array.from({ length: 500 }, caller));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(results: ReadonlyMap<Case, readonly Figures[]>): void {
  console.log(`| operation | callers | per second | CPU µs | of it main thread |`);
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const [{ name, callers }, rounds] of results) {
    const column = (of: (figures: Figures) => number): number => median(rounds.map(of));
    const [perSecond, cpu, mainCpu] = [
      column((f) => f.perSecond),
      column((f) => f.cpu),
      column((f) => f.mainCpu),
    ];
    const cells = [name, callers, Math.round(perSecond), cpu.toFixed(1), mainCpu.toFixed(1)];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

const base = resolve(options.dir);
mkdirSync(base, { recursive: true });
const directory = mkdtempSync(join(base, 'bench-store-'));
const store = openStore(options.url, { directory });
try {
  await store.prepare();
  await seed(store, Number(options.rows));
  console.log(
    options.url.startsWith('sqlite:')
      ? `Node ${process.version}, SQLite ${process.versions.sqlite}, ${options.rows} rows, ${directory}\n`
      : `Node ${process.version}, MongoDB, ${options.rows} rows\n`,
  );
  const results = new Map<Case, Figures[]>(CASES.map((each) => [each, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [each, figures] of results) {
      const measured = await measure(store, each);
      // The first round only warms up.
      if (round > 0) figures.push(measured);
    }
  }
  print(results);
} finally {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
}
