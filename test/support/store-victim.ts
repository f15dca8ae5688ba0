/**
 * Writes as fast as it can until it is killed, and says on descriptor 3 what was acknowledged, the moment it was: one
 * line per write. The line goes out by a blocking system call, so whatever was said outlives the process.
 */
import { writeSync } from 'node:fs';
import { asAppId } from '../../src/core/ids.ts';
import { openStore } from '../../src/store/open.ts';
import { NOW } from './store-samples.ts';
import { sealedData } from './store-witness.ts';

const CALLERS = 8;
const [, , url = '', app = '', round = ''] = process.argv;
const scope = asAppId(app);
const store = openStore(url);
await store.prepare();
writeSync(3, 'ready\n');

async function write(caller: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const id = `${round}-${caller}-${n}`;
    await store.records.insert(
      scope,
      'kind',
      { id, key: `key ${id}`, group: round, data: sealedData(id) },
      NOW,
    );
    writeSync(3, `record ${id}\n`);
    await store.artifacts.upsert(scope, 'Code', { id, data: sealedData(id), grantId: id }, NOW);
    writeSync(3, `artifact ${id}\n`);
    await store.artifacts.mark(scope, 'Code', id, 'consumed', { by: id }, NOW);
    writeSync(3, `mark ${id}\n`);
    await store.oneTime.put(scope, 'pass', id, sealedData(id), NOW + 1, NOW);
    writeSync(3, `put ${id}\n`);
    if (n % 2 === 1) {
      await store.oneTime.consume(scope, 'pass', id, NOW);
      writeSync(3, `consumed ${id}\n`);
    }
    const { count } = await store.counters.hit(scope, `counter ${caller}`, { windowMs: 9 }, NOW);
    writeSync(3, `count ${caller} ${count}\n`);
  }
}

await Promise.all(Array.from({ length: CALLERS }, (_, caller) => write(caller)));
