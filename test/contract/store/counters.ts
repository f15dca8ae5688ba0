import { expect } from 'chai';
import { SYSTEM } from '../../../src/store/port.ts';
import { CROWD, crowd, freshId, freshScope, NOW, winners } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

const RULE = { windowMs: 1000 };

export function counterContract(opened: Opened): void {
  it('counts in a window that begins with the first hit', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    expect(await first.counters.hit(scope, 'k', RULE, NOW)).to.deep.equal({ count: 1, resetsAt: NOW + 1000 });
    expect(await second.counters.hit(scope, 'k', RULE, NOW + 999)).to.deep.equal({
      count: 2,
      resetsAt: NOW + 1000,
    });
    expect(await first.counters.peek(scope, 'k', NOW + 999)).to.deep.equal({
      count: 2,
      resetsAt: NOW + 1000,
    });
  });

  it('RL-10 begins anew with the hit at the end of the window', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.counters.hit(scope, 'k', { ...RULE, by: 7 }, NOW);
    expect(await second.counters.peek(scope, 'k', NOW + 1000)).to.equal(undefined);
    expect(await second.counters.hit(scope, 'k', RULE, NOW + 1000)).to.deep.equal({
      count: 1,
      resetsAt: NOW + 2000,
    });
    expect(await first.counters.peek(scope, 'k', NOW + 1000)).to.deep.equal({
      count: 1,
      resetsAt: NOW + 2000,
    });
  });

  it('ML-26 counts exactly: each of many concurrent hits gets its own number', async () => {
    const scope = freshScope();
    const states = winners(await crowd(opened(), (store) => store.counters.hit(scope, 'k', RULE, NOW)));
    const counts = states.map((state) => state.count).sort((a, b) => a - b);
    expect(counts).to.deep.equal(Array.from({ length: CROWD }, (_, index) => index + 1));
    expect(new Set(states.map((state) => state.resetsAt))).to.deep.equal(new Set([NOW + 1000]));
  });

  it('counts exactly while a new window begins', async () => {
    const scope = freshScope();
    await opened().first.counters.hit(scope, 'k', { ...RULE, by: 40 }, NOW);
    const states = winners(
      await crowd(opened(), (store) => store.counters.hit(scope, 'k', RULE, NOW + 1000)),
    );
    const counts = states.map((state) => state.count).sort((a, b) => a - b);
    expect(counts).to.deep.equal(Array.from({ length: CROWD }, (_, index) => index + 1));
  });

  it('adds what it is told, never below zero', async () => {
    const { first } = opened();
    const scope = freshScope();
    const hit = async (by: number) => (await first.counters.hit(scope, 'k', { ...RULE, by }, NOW)).count;
    expect(await hit(5)).to.equal(5);
    expect(await hit(-2)).to.equal(3);
    expect(await hit(-9)).to.equal(0);
    expect(await hit(1)).to.equal(1);
    expect(await hit(0)).to.equal(1);
    expect((await first.counters.hit(scope, 'new', { ...RULE, by: -3 }, NOW)).count).to.equal(0);
  });

  it('MT-06 belongs to one app or to all of them', async () => {
    const { first } = opened();
    const scope = freshScope();
    const key = freshId();
    await first.counters.hit(scope, key, RULE, NOW);
    await first.counters.hit(SYSTEM, key, { ...RULE, by: 4 }, NOW);
    expect(await first.counters.peek(freshScope(), key, NOW)).to.equal(undefined);
    expect((await first.counters.peek(scope, key, NOW))?.count).to.equal(1);
    expect((await first.counters.peek(SYSTEM, key, NOW))?.count).to.equal(4);
  });

  it('knows nothing of a key that was never hit', async () => {
    expect(await opened().first.counters.peek(freshScope(), 'k', NOW)).to.equal(undefined);
  });
}
