import { expect } from 'chai';
import type { Store } from '../../../src/store/port.ts';
import { failure, freshScope, NOW } from '../../support/store-samples.ts';
import type { Opened, Opening } from '../store-contract.ts';

/** Earlier than every expiry of the other tests, whose rows must not be swept here. */
const EARLY = NOW - 1_000_000_000;

export function housekeepingContract(opened: Opened, open: () => Promise<Opening>): void {
  it('sweeps expired rows of every part, bounded by the limit, and nothing that lives', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    for (let index = 0; index < 4; index += 1)
      await putOneOfEach(first, scope, `old ${index}`, EARLY + index);
    await putOneOfEach(first, scope, 'young', EARLY + 100);
    expect(await second.sweep(EARLY - 1, 99)).to.equal(0);
    const counts: number[] = [];
    for (let round = 0; round < 4; round += 1) counts.push(await second.sweep(EARLY + 3, 5));
    expect(counts).to.deep.equal([5, 5, 5, 1]);
    expect(await first.sweep(EARLY + 3, 99)).to.equal(0);
    expect(await namesAlive(first, scope)).to.deep.equal(['young', 'young', 'young', 'young']);
  });

  it('sweeps nothing with a limit of zero and nothing without an expiry', async () => {
    const { first } = opened();
    const scope = freshScope();
    await putOneOfEach(first, scope, 'old', EARLY);
    await first.records.insert(scope, 'kind', { id: 'for ever', data: {} }, EARLY);
    await first.artifacts.insert(scope, 'M', { id: 'for ever', data: {} }, EARLY);
    expect(await first.sweep(EARLY, 0)).to.equal(0);
    expect(await first.sweep(EARLY, 99)).to.equal(4);
    expect(await first.records.find(scope, 'kind', 'for ever', NOW)).not.to.equal(undefined);
    expect(await first.artifacts.find(scope, 'M', 'for ever', NOW)).not.to.equal(undefined);
  });

  it('answers a ping and may be prepared again, by both at once', async () => {
    const { first, second } = opened();
    await Promise.all([first.prepare(), second.prepare(), first.ping(), second.ping()]);
  });

  it('lets what was under way end before it closes, and answers nothing afterwards', async () => {
    const { first, second, close } = await open();
    try {
      const scope = freshScope();
      const writes = Array.from({ length: 40 }, (_, index) =>
        first.records.insert(scope, 'kind', { id: `id-${index}`, data: {} }, NOW),
      );
      await first.close();
      await Promise.all(writes);
      expect(await second.records.list(scope, 'kind', { limit: 99 }, NOW)).to.have.length(40);
      for (const call of [
        () => first.records.insert(scope, 'kind', { id: 'late', data: {} }, NOW),
        () => first.records.find(scope, 'kind', 'id-0', NOW),
        () => first.counters.hit(scope, 'k', { windowMs: 1 }, NOW),
        () => first.ping(),
      ]) {
        expect((await failure(call())).name).to.equal('StoreUnavailable');
      }
      await first.close();
    } finally {
      await close();
    }
  });
}

async function putOneOfEach(
  store: Store,
  scope: ReturnType<typeof freshScope>,
  name: string,
  expiresAt: number,
): Promise<void> {
  const made = EARLY - 1000;
  await store.records.insert(scope, 'kind', { id: name, key: name, group: 'g', data: {}, expiresAt }, made);
  await store.oneTime.put(scope, 'kind', name, { name }, expiresAt, made);
  await store.artifacts.insert(scope, 'M', { id: name, data: {}, uid: 'u', expiresAt }, made);
  await store.counters.hit(scope, name, { windowMs: expiresAt - made }, made);
}

/** As they stood before anything expired, so that only sweeping can be the reason for a gap. */
async function namesAlive(store: Store, scope: ReturnType<typeof freshScope>): Promise<string[]> {
  const before = EARLY - 500;
  const names = ['old 0', 'old 1', 'old 2', 'old 3', 'young'];
  const alive: string[] = [];
  for (const name of names) {
    if (await store.records.find(scope, 'kind', name, before)) alive.push(name);
    if (await store.oneTime.peek(scope, 'kind', name, before)) alive.push(name);
    if (await store.artifacts.find(scope, 'M', name, before)) alive.push(name);
    if (await store.counters.peek(scope, name, before)) alive.push(name);
  }
  return alive;
}
