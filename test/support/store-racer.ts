/** One of several processes that want the same things from one store at the same time. */
import { once } from 'node:events';
import { asAppId } from '../../src/core/ids.ts';
import { openStore } from '../../src/store/open.ts';
import { NOW } from './store-samples.ts';

const [, , url = '', app = '', prizes = '0', hits = '0'] = process.argv;
const scope = asAppId(app);
const store = openStore(url);
await store.prepare();
process.send?.('ready');
await once(process, 'message');

const won = { prizes: [] as number[], marks: [] as number[], counts: [] as number[], errors: [] as string[] };

async function reach(index: number): Promise<void> {
  const prize = await store.oneTime.consume(scope, 'prize', `p-${index}`, NOW);
  if (prize) won.prizes.push(index);
  const mark = await store.artifacts.mark(scope, 'Code', `c-${index}`, 'consumed', { by: process.pid }, NOW);
  if (mark.won) won.marks.push(index);
}

const complain = (error: unknown): void => void won.errors.push(String(error));

await Promise.all([
  ...Array.from({ length: Number(prizes) }, (_, index) => reach(index).catch(complain)),
  (async () => {
    for (let hit = 0; hit < Number(hits); hit += 1) {
      won.counts.push((await store.counters.hit(scope, 'k', { windowMs: 9 }, NOW)).count);
    }
  })().catch(complain),
]);
await store.close();
process.send?.(won, () => process.disconnect?.());
