/**
 * RL-13: `kill -9` at random moments while the embedded store is written to. SLOW_FACTOR multiplies the 500 kills, SEED
 * (1) makes the moments repeatable as far as the machine allows.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, copyFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { AppId } from '../../src/core/ids.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { randomFrom } from '../support/seeded-random.ts';
import { freshScope } from '../support/store-samples.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/store-sqlite.ts';
import { assertNoHalfRecords, assertSound, Witness } from '../support/store-witness.ts';

const KILLS = Math.max(10, Math.round(500 * Number(process.env.SLOW_FACTOR ?? 1)));
const SEED = Number(process.env.SEED ?? 1);
/** A fresh file now and then: it must survive its first moments, too, and checking stays fast. */
const ROUNDS_PER_FILE = 10;

describe('sqlite: kill -9', function () {
  this.timeout(60_000 + KILLS * 5000);
  const random = randomFrom(SEED);
  let directory: TemporaryDirectory;
  let file: string;
  let scope: AppId;
  let acknowledged: number;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    file = join(directory.path, 'store.db');
    scope = freshScope();
    acknowledged = 0;
  });
  afterEach(() => directory.remove());

  it(`RL-13 ${KILLS} kills: every acknowledged write is there and the file is sound`, async () => {
    for (let round = 0; round < KILLS; round += 1) {
      if (round % ROUNDS_PER_FILE === 0) file = join(directory.path, `store-${round}.db`);
      // In every other round a second process (this one) has the file open all the time.
      const bystander = round % 2 === 1 ? await open() : undefined;
      const witness = await killOnce(round);
      if (!bystander && round % 3 === 0) await tearTail();
      if (!bystander && round % 4 === 0) await assertOpensWithoutTail(1 + Math.floor(random() * 4096));
      const store = bystander ?? (await open());
      await witness.assertAllThere(store, scope);
      // Nor is a lock left behind.
      await store.ping();
      if (round % ROUNDS_PER_FILE === ROUNDS_PER_FILE - 1) await assertNoHalfRecords(store, scope);
      await store.close();
      assertSound(file);
    }
    // The kills fell among writes, not before them.
    expect(acknowledged).to.be.above(KILLS);
  });

  async function open(path = file): Promise<SqliteStore> {
    const store = new SqliteStore(path);
    await store.prepare();
    return store;
  }

  async function killOnce(round: number): Promise<Witness> {
    const child = fork(
      new URL('../support/store-victim.ts', import.meta.url),
      [`sqlite:${file}`, scope, `${round}`],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'],
      },
    );
    const said = listen(child);
    const ended = once(child, 'close');
    // A few are killed while they open the file, the others while they write.
    if (round % 7 !== 6) await said.ready;
    await delay(Math.floor(random() * 150));
    child.kill('SIGKILL');
    await ended;
    const witness = new Witness();
    witness.hear(said.text());
    acknowledged += witness.acknowledged;
    return witness;
  }

  /** A write that the power cut off: bytes behind the last acknowledged frame. */
  async function tearTail(): Promise<void> {
    if (!(await hasLog(file))) return;
    const length = 1 + Math.floor(random() * 4096);
    await appendFile(`${file}-wal`, Buffer.from(Array.from({ length }, () => Math.floor(random() * 256))));
  }

  /** On a copy: cutting off acknowledged frames is loss by definition, but what is left must be whole. */
  async function assertOpensWithoutTail(cut: number): Promise<void> {
    if (!(await hasLog(file))) return;
    const copy = join(directory.path, 'cut.db');
    // The copy of another round was another store under this name.
    await rm(`${copy}.mark`, { force: true });
    await copyFile(file, copy);
    if (existsSync(`${file}.mark`)) await copyFile(`${file}.mark`, `${copy}.mark`);
    await copyFile(`${file}-wal`, `${copy}-wal`);
    const { size } = await stat(`${copy}-wal`);
    await truncate(`${copy}-wal`, Math.max(0, size - cut));
    const store = await open(copy);
    await assertNoHalfRecords(store, scope);
    await store.ping();
    await store.close();
    assertSound(copy);
  }
});

const hasLog = (file: string): Promise<boolean> =>
  stat(`${file}-wal`).then(
    ({ size }) => size > 0,
    () => false,
  );

function listen(child: ChildProcess): { readonly ready: Promise<void>; text(): string } {
  const pipe = child.stdio[3];
  if (!pipe || !('on' in pipe)) throw new Error('the pipe of the child is missing');
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  pipe.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    resolve();
  });
  child.once('close', () => resolve());
  return { ready: promise, text: () => Buffer.concat(chunks).toString('utf8') };
}
