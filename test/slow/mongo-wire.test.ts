/** The wire to MongoDB is cut at every command of a sign-in, before it arrives and before its answer does. */
import { expect } from 'chai';
import { WIRE_FAULTS, WireFaults } from '../support/wire-faults.ts';

describe('mongodb: cut wire, every command', () => {
  let faults: WireFaults;
  before(async () => {
    faults = await WireFaults.start();
  });
  after(() => faults.close());

  for (const fault of WIRE_FAULTS) {
    it(`RL-08 ${fault.side} lost ${fault.times === 1 ? 'once' : 'twice'}: the sign-in ends well`, async () => {
      const struck = new Map<string, number>();
      let refusals = 0;
      for (let nth = 0; ; nth += 1) {
        const outcome = await faults.journeyCutAt(nth, fault);
        if (outcome === undefined) break;
        struck.set(outcome.command, (struck.get(outcome.command) ?? 0) + 1);
        refusals += outcome.refusals;
      }
      expect(struck.get('find') ?? 0).to.be.above(10);
      expect(struck.get('findAndModify') ?? 0).to.be.above(5);
      expect(struck.get('update') ?? 0).to.be.above(5);
      // What is lost once the driver asks for again; nobody notices.
      if (fault.times === 1) expect(refusals).to.be.below(3);
      else expect(refusals).to.be.above(10);
    });
  }
});
