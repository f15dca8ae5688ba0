/**
 * The wire to MongoDB is cut at commands of a sign-in: before one arrives, or before its answer does. A sample; every
 * command stands in test/slow/mongo-wire.test.ts. Runs where the flows stand on MongoDB.
 */
import { expect } from 'chai';
import { STAND } from '../../support/stand.ts';
import { WIRE_FAULTS, WireFaults } from '../../support/wire-faults.ts';

/** Each kind of fault at another place of every stretch of this length. */
const STRIDE = 11;

if (STAND.store === 'mongodb') {
  describe('mongodb: cut wire', () => {
    let faults: WireFaults;
    before(async function () {
      this.timeout(60_000);
      faults = await WireFaults.start();
    });
    after(() => faults.close());

    for (const [index, fault] of WIRE_FAULTS.entries()) {
      it(`RL-08 ${fault.side} lost ${fault.times === 1 ? 'once' : 'twice'}: the sign-in ends well`, async function () {
        this.timeout(120_000);
        let struck = 0;
        for (let nth = index * 2; ; nth += STRIDE) {
          if ((await faults.journeyCutAt(nth, fault)) === undefined) break;
          struck += 1;
        }
        expect(struck).to.be.above(2);
      });
    }
  });
}
