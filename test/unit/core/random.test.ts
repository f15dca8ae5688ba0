import { expect } from 'chai';
import { randomBuffer, randomToken } from '../../../src/core/random.ts';

describe('random values', () => {
  it('gives nobody the bytes of another, over many pools and for any size', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 2000; round += 1) {
      for (const bytes of [12, 16, 32, 33]) seen.add(randomBuffer(bytes).toString('hex'));
      seen.add(randomToken());
    }
    expect(seen.size).to.equal(2000 * 5);
    expect(randomBuffer(10_000)).to.have.length(10_000);
  });

  it('keeps no hold on what it gave', () => {
    const given = randomBuffer(32);
    const before = given.toString('hex');
    for (let round = 0; round < 500; round += 1) randomBuffer(32);
    expect(given.toString('hex')).to.equal(before);
    expect(given.every((byte) => byte === 0)).to.equal(false);
  });

  it('has as many characters as its bytes need', () => {
    expect(randomToken()).to.match(/^[\w-]{22}$/);
    expect(randomToken(32)).to.match(/^[\w-]{43}$/);
  });
});
