import { expect } from 'chai';
import { crowd, failure, freshScope, NOW, winners } from '../../support/store-samples.ts';
import type { Opened } from '../store-contract.ts';

const KIND = 'pass';

export function oneTimeContract(opened: Opened): void {
  it('is peeked at by anybody and consumed once', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.oneTime.put(scope, KIND, 'k', { n: 1 }, NOW + 10, NOW);
    expect(await second.oneTime.peek(scope, KIND, 'k', NOW)).to.deep.equal({ n: 1 });
    expect(await first.oneTime.peek(scope, KIND, 'k', NOW)).to.deep.equal({ n: 1 });
    expect(await second.oneTime.consume(scope, KIND, 'k', NOW)).to.deep.equal({ n: 1 });
    expect(await first.oneTime.peek(scope, KIND, 'k', NOW)).to.equal(undefined);
    expect(await first.oneTime.consume(scope, KIND, 'k', NOW)).to.equal(undefined);
  });

  it('ML-21 OA-08 gives its data to exactly one of many concurrent consumers', async () => {
    for (let round = 0; round < 5; round += 1) {
      const scope = freshScope();
      await opened().first.oneTime.put(scope, KIND, 'k', { round }, NOW + 10, NOW);
      const results = winners(await crowd(opened(), (store) => store.oneTime.consume(scope, KIND, 'k', NOW)));
      expect(results.filter((data) => data !== undefined)).to.deep.equal([{ round }]);
    }
  });

  it('refuses a taken key', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.oneTime.put(scope, KIND, 'k', { n: 1 }, NOW + 10, NOW);
    const error = await failure(second.oneTime.put(scope, KIND, 'k', { n: 2 }, NOW + 20, NOW));
    expect(error.name).to.equal('StoreConflict');
    expect(await second.oneTime.consume(scope, KIND, 'k', NOW)).to.deep.equal({ n: 1 });
  });

  it('lets one of many concurrent puts win', async () => {
    const scope = freshScope();
    const results = await crowd(opened(), async (store, index) => {
      await store.oneTime.put(scope, KIND, 'k', { index }, NOW + 10, NOW);
      return index;
    });
    const won = winners(results, 'StoreConflict');
    expect(won).to.have.length(1);
    expect(await opened().second.oneTime.peek(scope, KIND, 'k', NOW)).to.deep.equal({ index: won[0] });
  });

  it('RL-10 is gone at its expiry and then blocks no key', async () => {
    const { first, second } = opened();
    const scope = freshScope();
    await first.oneTime.put(scope, KIND, 'k', { n: 1 }, NOW + 10, NOW);
    expect(await second.oneTime.peek(scope, KIND, 'k', NOW + 9)).to.deep.equal({ n: 1 });
    expect(await second.oneTime.peek(scope, KIND, 'k', NOW + 10)).to.equal(undefined);
    expect(await second.oneTime.consume(scope, KIND, 'k', NOW + 10)).to.equal(undefined);
    await second.oneTime.put(scope, KIND, 'k', { n: 2 }, NOW + 20, NOW + 10);
    expect(await first.oneTime.consume(scope, KIND, 'k', NOW + 19)).to.deep.equal({ n: 2 });
  });

  it('MT-06 belongs to one kind of one app', async () => {
    const { first } = opened();
    const scope = freshScope();
    const other = freshScope();
    await first.oneTime.put(scope, KIND, 'k', { of: 'mine' }, NOW + 10, NOW);
    await first.oneTime.put(other, KIND, 'k', { of: 'app' }, NOW + 10, NOW);
    await first.oneTime.put(scope, 'other', 'k', { of: 'kind' }, NOW + 10, NOW);
    expect(await first.oneTime.consume(freshScope(), KIND, 'k', NOW)).to.equal(undefined);
    expect(await first.oneTime.consume(other, KIND, 'k', NOW)).to.deep.equal({ of: 'app' });
    expect(await first.oneTime.consume(scope, 'other', 'k', NOW)).to.deep.equal({ of: 'kind' });
    expect(await first.oneTime.consume(scope, KIND, 'k', NOW)).to.deep.equal({ of: 'mine' });
  });
}
