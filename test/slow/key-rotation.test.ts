/**
 * OA-32: keys are rotated while two real processes on one store give tokens all the time, to clients that believe their copy
 * of the key set for ten minutes and never ask earlier. A key signs a day after it is published: the clocks of both
 * processes are moved through that day in steps of nine minutes, some milliseconds apart, as clocks of two machines are.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { DAY, HOUR, MINUTE } from '../../src/core/clock.ts';
import { Cluster } from '../support/cluster.ts';
import { callbackOf, signInByCode } from '../support/harness.ts';
import { newAddress, refreshWith, tokensFor } from '../support/logins.ts';
import { mongoOrSkip } from '../support/mongo-server.ts';
import { Browser, type RelyingParty } from '../support/relying-party.ts';
import type { Stand } from '../support/stand.ts';
import { exchange } from '../support/wire.ts';

const CACHE = 10 * MINUTE;
const STEP = 9 * MINUTE;
const CLIENTS = 8;
const PROCESSES = [0, 1] as const;
const STORES: readonly Stand['store'][] = ['sqlite', 'mongodb'];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

interface Client {
  readonly rp: RelyingParty;
  refreshToken: string;
  /** An ID token that it goes on believing until it expires. */
  held: string;
  cached: { readonly at: number; readonly set: JSONWebKeySet };
}

for (const store of STORES) {
  describe(`keys rotated under load: ${store}`, function () {
    this.timeout(600_000);
    const clients: Client[] = [];
    const kidsSeen = new Set<string>();
    let cluster: Cluster;
    let moved = 0;
    let given = 0;
    before(async function () {
      if (store === 'mongodb') await mongoOrSkip(this);
      cluster = await Cluster.start({ store, entry: 'test/slow/moving-clock-server.ts' });
      for (let nth = 0; nth < CLIENTS; nth += 1) clients.push(await signedIn());
    });
    after(() => cluster?.close());

    const now = (): number => Date.now() + moved;
    const kidOf = (token: string): string => String(decodeProtectedHeader(token).kid);

    async function keySet(index: number): Promise<JSONWebKeySet> {
      const url = new URL(`${cluster.url}/shop/jwks`);
      const { body } = await exchange(url, {
        method: 'GET',
        headers: {},
        route: cluster.routeTo(() => index),
      });
      return JSON.parse(body);
    }

    const kids = async (index: number): Promise<readonly string[]> =>
      (await keySet(index)).keys.map(({ kid }) => String(kid)).sort();

    async function signedIn(): Promise<Client> {
      const rp = cluster.rp();
      const callback = callbackOf(await signInByCode(cluster, new Browser(), rp, newAddress()));
      const { refresh_token, id_token = '' } = await tokensFor(rp, callback);
      const cached = { at: now(), set: await keySet(0) };
      return { rp, refreshToken: refresh_token, held: id_token, cached };
    }

    async function moveTo(ms: number): Promise<void> {
      moved = ms;
      await cluster.tell({ moved });
    }

    /** One more token, checked with what the client has, and the one it holds from before. */
    async function turn(client: Client): Promise<void> {
      const { status, json } = await refreshWith(client.rp, client.refreshToken);
      expect(status, JSON.stringify(json)).to.equal(200);
      client.refreshToken = String(json.refresh_token);
      const fresh = String(json.id_token);
      given += 1;
      kidsSeen.add(kidOf(fresh));
      if (now() - client.cached.at >= CACHE) client.cached = { at: now(), set: await keySet(given % 2) };
      await check(client, fresh);
      if (await isExpired(client)) client.held = fresh;
      else await check(client, client.held);
    }

    async function check({ cached }: Client, token: string): Promise<void> {
      await jwtVerify(token, createLocalJWKSet(cached.set), { currentDate: new Date(now()) });
    }

    async function isExpired({ held }: Client): Promise<boolean> {
      const { exp } = JSON.parse(Buffer.from(held.split('.')[1] ?? '', 'base64url').toString('utf8'));
      // A client that is a little behind would still take it, and need not find the key then.
      return now() / 1000 > exp - 5;
    }

    /** All clients refresh as fast as they are answered, while `act` is done. */
    async function underLoad(act: () => Promise<void>): Promise<void> {
      let isOver = false;
      const load = Promise.all(
        clients.map(async (client) => {
          while (!isOver) await turn(client);
        }),
      );
      // A client that fails ends the act's waiting.
      await Promise.race([load, act()]).finally(() => {
        isOver = true;
      });
      await load;
    }

    async function postern(...args: readonly string[]): Promise<void> {
      const env = { PATH: process.env.PATH, ...cluster.environment };
      await run(process.execPath, ['src/cli/postern.ts', ...args], { cwd: ROOT, env });
    }

    /** Until both processes publish these many keys, the same ones. */
    async function agreed(count: number, without: readonly string[] = []): Promise<readonly string[]> {
      for (;;) {
        const [first = [], second = []] = await Promise.all(PROCESSES.map(kids));
        const isNew = !first.some((kid) => without.includes(kid));
        if (first.length === count && first.join() === second.join() && isNew) return first;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }

    /** So many more tokens are given and checked. */
    async function more(count: number): Promise<void> {
      for (const until = given + count; given < until; )
        await new Promise((resolve) => setTimeout(resolve, 5));
    }

    it('OA-32 RL-18 no client that caches the key set for ten minutes meets a token that it cannot check', async () => {
      await underLoad(async () => {
        await postern('keys', 'rotate', '--app', 'shop');
        const both = await agreed(4);
        await more(4 * CLIENTS);
        expect(kidsSeen.size, 'signs with the old key still').to.equal(1);
        // A day and what the last token of the old key has to live; the old key is gone at the end.
        for (let at = STEP; at <= DAY + 2 * HOUR; at += STEP) {
          await moveTo(at);
          await more(2 * CLIENTS);
        }
        expect(kidsSeen.size).to.equal(2);
        const left = await agreed(2);
        expect(both).to.include.members([...left]);
      });
      expect(given).to.be.above(1000);
    });

    it('OA-32 in an emergency both processes change over, and nothing is signed with a key that neither publishes', async () => {
      const before = await agreed(2);
      await postern('keys', 'rotate', '--emergency', '--app', 'shop');
      const after = await agreed(2, before);
      for (const client of clients) {
        client.cached = { at: now(), set: await keySet(0) };
        await expectRefused(client);
        for (let nth = 0; nth < 4; nth += 1) {
          const { json } = await refreshWith(client.rp, client.refreshToken);
          client.refreshToken = String(json.refresh_token);
          expect(after).to.include(kidOf(String(json.id_token)));
        }
      }
    });

    async function expectRefused(client: Client): Promise<void> {
      const outcome = await check(client, client.held).catch((fault: unknown) => fault);
      expect(outcome, 'what the old key signed').to.be.instanceOf(Error);
    }
  });
}
