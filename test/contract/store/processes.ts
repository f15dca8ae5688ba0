/** Several processes share one store: one winner per value, exact counters, no caller turned away. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import type { Store } from '../../../src/store/port.ts';
import { freshScope, NOW } from '../../support/store-samples.ts';

const PRIZES = 40;
const HITS = 150;
const RACER = new URL('../../support/store-racer.ts', import.meta.url);

/** @param url as in STORE_URL, of the same data as `store` */
export async function raceOfProcesses(store: Store, url: string): Promise<void> {
  const scope = freshScope();
  for (let index = 0; index < PRIZES; index += 1) {
    await store.oneTime.put(scope, 'prize', `p-${index}`, { index }, NOW + 1, NOW);
    await store.artifacts.insert(scope, 'Code', { id: `c-${index}`, data: {} }, NOW);
  }
  const args = [url, scope, String(PRIZES), String(HITS)];
  const children = Array.from({ length: 3 }, () => fork(RACER, args));
  await Promise.all(children.map((child) => once(child, 'message')));
  // All at once: each has opened the store and waits for the word.
  for (const child of children) child.send('go');
  const reports = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]));
  const all = (name: string): unknown[] => reports.flatMap((report) => report[name]);
  expect(all('errors')).to.deep.equal([]);
  const everyPrize = Array.from({ length: PRIZES }, (_, index) => index);
  expect(all('prizes').sort(byNumber)).to.deep.equal(everyPrize);
  expect(all('marks').sort(byNumber)).to.deep.equal(everyPrize);
  const counts = Array.from({ length: 3 * HITS }, (_, index) => index + 1);
  expect(all('counts').sort(byNumber)).to.deep.equal(counts);
}

const byNumber = (a: unknown, b: unknown): number => Number(a) - Number(b);
