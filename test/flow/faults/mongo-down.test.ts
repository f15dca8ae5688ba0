/**
 * MongoDB dies or stands still and comes back: meanwhile 503 with Retry-After and a way on, afterwards all is well, with
 * no restart of Postern and with everything that was acknowledged. Runs where the flows stand on MongoDB, on a server of
 * its own.
 */
import { expect } from 'chai';
import { type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens, refreshWith, type TokenLogin } from '../../support/logins.ts';
import { type OwnMongoServer, startOwnMongo } from '../../support/mongo-server.ts';
import { PersistentJourney } from '../../support/persistent-journey.ts';
import { Browser, pageOf, type RelyingParty } from '../../support/relying-party.ts';
import { STAND } from '../../support/stand.ts';

/** Bound of the issue: recovery within 15 s. Asked again every half second, as a person or a balancer would. */
const LOOKS = 30;
const LOOK_EVERY_MS = 500;

if (STAND.store === 'mongodb') {
  describe('mongodb: down and back', function () {
    this.timeout(90_000);
    let mongo: OwnMongoServer;
    let harness: Harness;
    let rp: RelyingParty;
    before(async () => {
      mongo = await startOwnMongo();
      harness = await startPostern({ config: { storeUrl: mongo.url('down') }, patienceMs: 1000 });
      await harness.server.warmUp();
      rp = harness.rp();
      await rp.metadata();
    });
    after(async () => {
      mongo.resume();
      await harness.close();
      await mongo.stop();
    });

    it('RL-08 killed with -9 and started again', async () => {
      const login = await loginWithTokens(harness);
      await mongo.kill();
      await expectTurnedAway(login);
      await mongo.start();
      await expectRecovered(login);
    });

    it('RL-08 standing still and going on', async () => {
      const login = await loginWithTokens(harness);
      mongo.pause();
      await expectTurnedAway(login);
      mongo.resume();
      await expectRecovered(login);
    });

    async function expectTurnedAway({ tokens }: TokenLogin): Promise<void> {
      const page = await new Browser({ now: harness.clock.now }).visit(await rp.authorizationUrl());
      expect(page.status, pageOf(page).text).to.equal(503);
      expect(page.headers['retry-after']).to.match(/^\d+$/);
      expect(pageOf(page).text).to.include('Try again');
      const refused = await refreshWith(rp, String(tokens.refresh_token));
      expect([refused.status, refused.json.error]).to.deep.equal([503, 'temporarily_unavailable']);
    }

    /** The tokens from before are good, also after a refresh that may or may not have reached the server. */
    async function expectRecovered({ tokens }: TokenLogin): Promise<void> {
      let refreshed = await refreshWith(rp, String(tokens.refresh_token));
      for (let look = 0; refreshed.status === 503 && look < LOOKS; look += 1) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        refreshed = await refreshWith(rp, String(tokens.refresh_token));
      }
      expect(refreshed.status, JSON.stringify(refreshed.json)).to.equal(200);
      await new PersistentJourney(harness, rp).complete();
    }
  });
}
