/**
 * RL-05: `kill -9` at random moments while many families are refreshed through two and more real processes on one store.
 * SLOW_FACTOR multiplies the 1,000 kills of each store, SEED (1) makes their moments repeatable as far as the machine
 * allows. Four processes in two pairs: of each pair one starts while the other is killed, so that two always serve.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { loadApps } from '../../src/apps/apps.ts';
import { configFile } from '../../src/config/schema.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openStore } from '../../src/store/open.ts';
import { TOMBSTONE } from '../../src/store/port.ts';
import { CHILD_APPS } from '../support/child-postern.ts';
import { Cluster } from '../support/cluster.ts';
import { callbackOf, signInByCode } from '../support/harness.ts';
import { newAddress, refreshWith, tokensFor } from '../support/logins.ts';
import { mongoOrSkip } from '../support/mongo-server.ts';
import { Browser, type RelyingParty, type TokenAnswer } from '../support/relying-party.ts';
import { randomFrom } from '../support/seeded-random.ts';
import type { Stand } from '../support/stand.ts';

const KILLS = Math.max(10, Math.round(1000 * Number(process.env.SLOW_FACTOR ?? 1)));
const SEED = Number(process.env.SEED ?? 1);
const FAMILIES = 24;
const PAIRS = [
  [0, 2],
  [1, 3],
] as const;
/** A kill falls so many ms at most after its process has come up. */
const MOST_PATIENCE = 150;
/** Of the default window: whoever had no answer for so long may be signed out, and signs in again. */
const WINDOW_MS = 30_000;
const STORES: readonly Stand['store'][] = ['sqlite', 'mongodb'];

interface Family {
  userId: string;
  /** Every value the client was given, oldest first; the last one is good. */
  values: string[];
}

for (const store of STORES) {
  describe(`refreshes while processes are killed: ${store}`, function () {
    this.timeout(120_000 + KILLS * 10_000);
    const random = randomFrom(SEED);
    const families: Family[] = [];
    let cluster: Cluster;
    let rp: RelyingParty;
    /** Answers that did not come, though the process had taken the connection. */
    let lost = 0;
    /** Turns that took longer than the window: the machine was too busy to start processes. */
    let late = 0;
    let isOver = false;
    before(async function () {
      if (store === 'mongodb') await mongoOrSkip(this);
      // The default window: whoever retries within 30 seconds gets the same successor.
      cluster = await Cluster.start({ store, processes: 4, apps: CHILD_APPS });
      rp = cluster.rp('studio', 'web', {
        route: cluster.routeTo(() => Math.floor(random() * cluster.ports.length)),
      });
      for (let nth = 0; nth < FAMILIES; nth += 1) families.push(await signedIn());
    });
    after(() => cluster?.close());

    async function signedIn(): Promise<Family> {
      const client = cluster.rp('studio');
      const callback = callbackOf(await signInByCode(cluster, new Browser(), client, newAddress()));
      const { refresh_token, claims } = await tokensFor(client, callback);
      return { userId: String(claims?.sub), values: [refresh_token] };
    }

    /** A sign-in has many steps, and any of them may meet a kill. */
    async function signedInAtLast(): Promise<Family> {
      for (;;) {
        try {
          return await signedIn();
        } catch {
          await delay(100);
        }
      }
    }

    /** What a client does whose answer was lost: asks again at once, wherever the balancer leads it. */
    async function persistently(token: string): Promise<TokenAnswer> {
      for (;;) {
        try {
          const answer = await refreshWith(rp, token);
          if (answer.status < 500) return answer;
        } catch (fault) {
          if ((fault as NodeJS.ErrnoException).code !== 'ECONNREFUSED') lost += 1; // errors of node:http carry a code
        }
        await delay(10);
      }
    }

    const newestOf = ({ values }: Family): string => values.at(-1) ?? '';

    async function turn(family: Family): Promise<void> {
      const token = newestOf(family);
      // Now and then the client believes its answer lost, and asks a second process while the first is still at it.
      const asks = random() < 0.1 ? 2 : 1;
      const begun = performance.now();
      const answers = await Promise.all(Array.from({ length: asks }, () => persistently(token)));
      const where = `turn ${family.values.length} of ${family.userId}`;
      const isLate = performance.now() - begun > WINDOW_MS;
      if (isLate && answers.some(({ json }) => json.error === 'invalid_grant')) {
        late += 1;
        Object.assign(family, await signedInAtLast());
        return;
      }
      for (const { status, json } of answers)
        expect(status, `${where}: ${JSON.stringify(json)}`).to.equal(200);
      const successors = new Set(answers.map(({ json }) => String(json.refresh_token)));
      expect(successors.size, `successors in ${where}`).to.equal(1);
      family.values.push(...successors);
      await delay(random() * 40);
    }

    async function killPair([first, second]: readonly [number, number], kills: number): Promise<void> {
      const [turns, starts] = [[first, second], [Promise.resolve(), Promise.resolve()] as Promise<void>[]];
      for (let nth = 0; nth < kills && !isOver; nth += 1) {
        const [mine, other] = [nth % 2, (nth + 1) % 2];
        await starts[other];
        await delay(random() * MOST_PATIENCE);
        starts[mine] = cluster.restart(turns[mine] ?? 0, 'SIGKILL').then((ended) => {
          expect(ended).to.equal('SIGKILL');
        });
      }
      await Promise.all(starts);
    }

    it(`RL-05 ${KILLS} kills: nobody who retries is signed out, and no family has two live branches`, async () => {
      const clients = Promise.all(
        families.map(async (family) => {
          while (!isOver) await turn(family);
        }),
      );
      const killers = Promise.all(PAIRS.map((pair) => killPair(pair, KILLS / PAIRS.length)));
      // A client that fails ends the killing.
      await Promise.race([clients, killers]).finally(async () => {
        isOver = true;
        // No process is left behind that was being started.
        await Promise.allSettled([clients, killers]);
      });
      await Promise.all([clients, killers]);
      const given = families.reduce((sum, { values }) => sum + values.length, 0);
      process.stdout.write(
        `      ${given} refreshes, ${lost} answers lost, ${late} turns beyond the window\n`,
      );
      expect(late).to.be.below(KILLS / 50);
      expect(given).to.be.above(KILLS);
      // The kills fell among requests, not between them.
      expect(lost).to.be.above(KILLS / 10);
    });

    it('RL-05 afterwards each family has one token in the store that is good', async () => {
      const opened = openStore(cluster.place.storeUrl);
      try {
        await opened.prepare();
        const apps = await loadApps(
          { baseUrl: cluster.url, apps: configFile.parse({ apps: CHILD_APPS }).apps },
          { store: opened, clock: systemClock },
        );
        const app = apps.bySlug('studio')?.id;
        if (app === undefined) throw new Error('no studio');
        for (const family of families) {
          // Of a rotation that was killed the successor may stand beside its predecessor; the next one settles it.
          await turn(family);
          const now = systemClock.now();
          const grants = await opened.artifacts.findBy(app, 'Grant', 'accountId', family.userId, now);
          expect(grants.map(({ marks }) => marks[TOMBSTONE])).to.deep.equal([undefined]);
          const tokens = await opened.artifacts.findBy(
            app,
            'RefreshToken',
            'grantId',
            grants[0]?.id ?? '',
            now,
          );
          expect(tokens.filter(({ marks }) => marks.consumed === undefined)).to.have.length(1);
        }
      } finally {
        await opened.close();
      }
    });

    it('RL-05 OA-20 and any earlier value is reuse, which ends the family', async () => {
      for (const family of families) {
        await turn(family);
        const { values } = family;
        const old = values[Math.floor(random() * (values.length - 2))] ?? '';
        expect((await persistently(old)).json.error).to.equal('invalid_grant');
        expect((await persistently(newestOf(family))).json.error).to.equal('invalid_grant');
      }
    });
  });
}
