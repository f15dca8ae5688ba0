/** Several processes share a database, and any of them, or the server, may die at any moment. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/port.ts';
import { startOwnMongo } from '../support/mongo-server.ts';
import { temporaryDatabase } from '../support/store-mongo.ts';
import { freshScope } from '../support/store-samples.ts';
import { assertNoHalfRecords, Witness } from '../support/store-witness.ts';
import { raceOfProcesses } from './store/processes.ts';

const VICTIM = new URL('../support/store-victim.ts', import.meta.url);
/** Enough for the kill to fall among writes; where exactly is the machine's to choose. */
const WRITING_MS = 250;

describe('mongodb: several processes', function () {
  this.timeout(60_000);

  it('OA-08 OA-21 share one database: one winner per value, exact counters, no caller turned away', async () => {
    const database = await temporaryDatabase();
    const store = openStore(database.url);
    try {
      await store.prepare();
      await raceOfProcesses(store, database.url);
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it('RL-13 a process killed with -9 loses nothing that was acknowledged', async () => {
    const database = await temporaryDatabase();
    const store = openStore(database.url);
    const scope = freshScope();
    try {
      await store.prepare();
      for (const round of ['one', 'two']) {
        const { end, witness } = await writing(database.url, scope, round);
        await end();
        expect(witness().acknowledged).to.be.above(0);
        await witness().assertAllThere(store, scope);
      }
      await assertNoHalfRecords(store, scope);
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it('RL-13 a server killed with -9 loses nothing that was acknowledged', async () => {
    const mongo = await startOwnMongo();
    const url = mongo.url('killed');
    const scope = freshScope();
    let store: Store | undefined;
    try {
      const { end, witness } = await writing(url, scope, 'one');
      await mongo.kill();
      await end();
      await mongo.start();
      store = openStore(url);
      await store.prepare();
      expect(witness().acknowledged).to.be.above(0);
      await witness().assertAllThere(store, scope);
      await assertNoHalfRecords(store, scope);
    } finally {
      await store?.close();
      await mongo.stop();
    }
  });
});

interface Writing {
  /** Kills it, where it lives, and waits for the last it had to say. */
  readonly end: () => Promise<void>;
  /** What it had been told is durable; complete when it has ended. */
  readonly witness: () => Witness;
}

async function writing(url: string, scope: string, round: string): Promise<Writing> {
  const stdio = ['ignore', 'inherit', 'ignore', 'pipe', 'ipc'] as const;
  const child = fork(VICTIM, [url, scope, round], { stdio: [...stdio] });
  const closed = once(child, 'close');
  let said = '';
  const pipe = child.stdio[3];
  if (!pipe || !('setEncoding' in pipe)) throw new Error('no pipe to listen on');
  pipe.setEncoding('utf8');
  const ready = new Promise<void>((resolve) => {
    pipe.on('data', (text: string) => {
      said += text;
      if (said.includes('ready\n')) resolve();
    });
  });
  await ready;
  await delay(WRITING_MS);
  const witness = (): Witness => {
    const heard = new Witness();
    heard.hear(said);
    return heard;
  };
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  return { end, witness };
}
