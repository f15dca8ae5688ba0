/**
 * What the time of an answer tells (ML-27, ML-54). Classes of addresses take turns, so that whatever else the machine does
 * hits all alike. SLOW_FACTOR multiplies the 1,000 tries of each class, SEED (1) makes their order repeatable.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { code, isCode, type SecretSource } from '../../src/challenges/secrets.ts';
import { asAppId, asChallengeId } from '../../src/core/ids.ts';
import { Keyring } from '../../src/core/keyring.ts';
import { createCaptureTransport } from '../../src/mail/transports/capture.ts';
import { APPS, type Harness, signInByCode, startPostern, TestClock } from '../support/harness.ts';
import { Inspection } from '../support/inspection.ts';
import { newAddress } from '../support/logins.ts';
import { formWith } from '../support/relying-party.ts';
import { randomFrom } from '../support/seeded-random.ts';
import { formTo, newBrowser } from '../support/sign-in.ts';

const TRIES = Math.max(100, Math.round(1000 * Number(process.env.SLOW_FACTOR ?? 1)));
const SEED = Number(process.env.SEED ?? 1);
/** Of each class: enough that no single row matters. */
const PEOPLE = 20;
const WARM_UP = 10;
const MAX_DIFFERENCE_MS = 2;
/** One in a hundred shows by chance, hence twice before it counts. */
const SIGNIFICANT = 0.01;

type Times = Readonly<Record<string, readonly number[]>>;

describe('the time of an answer', function () {
  this.timeout(60_000 + TRIES * 2000);
  const random = randomFrom(SEED);
  const pick = <Value>(values: readonly Value[]): Value | undefined =>
    values[Math.floor(random() * values.length)];
  let harness: Harness;
  let mailServerMs = 0;

  before(async () => {
    const clock = new TestClock();
    const inbox = createCaptureTransport({ clock });
    const limits = { mails_per_mailbox: 1_000_000, mails_per_app: 1_000_000, resend_after: '0s' };
    const shop = { ...APPS.shop, sign_up: { domains: ['members.example'] }, limits };
    harness = await startPostern({
      apps: { shop },
      embedded: true,
      clock,
      inbox,
      transport: {
        ...inbox,
        send: async (...given) => {
          await delay(mailServerMs);
          return inbox.send(...given);
        },
      },
    });
  });
  after(() => harness.close());

  for (const [title, ms] of [
    ['a mail server that answers at once', 0],
    ['one that takes five seconds', 5000],
  ] as const) {
    it(`ML-54 ML-55 known, blocked, welcome and unwelcome addresses, ${TRIES} of each, with ${title}`, async () => {
      mailServerMs = 0;
      const member = (): string => newAddress().replace(/@.*/, '@members.example');
      const people = Array.from({ length: PEOPLE * 2 }, member);
      for (const address of people) await signInByCode(harness, newBrowser(harness), harness.rp(), address);
      const inspection = await Inspection.open(harness);
      for (const address of people.slice(PEOPLE)) await inspection.block(address);
      await inspection.close();
      mailServerMs = ms;
      const classes = {
        known: people.slice(0, PEOPLE),
        blocked: people.slice(PEOPLE),
        welcome: Array.from({ length: PEOPLE }, member),
        unwelcome: Array.from({ length: PEOPLE }, newAddress),
      };
      const asking = await alike(() => inTurns(classes, TRIES, (addresses) => asked(pick(addresses) ?? '')));
      expect(asking, 'asking').to.deep.equal([]);
      const again = await alike(() =>
        inTurns(classes, TRIES, (addresses) => askedAgain(pick(addresses) ?? '')),
      );
      expect(again, 'asking again').to.deep.equal([]);
    });
  }

  async function asked(address: string): Promise<number> {
    const browser = newBrowser(harness);
    const page = await browser.visit(await harness.rp().authorizationUrl());
    return timeOf(async () => {
      const answer = await browser.submit(formWith(page, 'email'), { email: address });
      expect(answer.status).to.equal(200);
    });
  }

  async function askedAgain(address: string): Promise<number> {
    const browser = newBrowser(harness);
    const page = await browser.visit(await harness.rp().authorizationUrl());
    const waiting = await browser.submit(formWith(page, 'email'), { email: address });
    return timeOf(() => browser.submit(formTo(waiting, 'resend'), {}, { from: waiting.url }));
  }

  it('ML-27 a code that is right but for its last digit is refused as fast as one that is wrong in all', async () => {
    const keyring = new Keyring([Buffer.alloc(32, 7)]);
    const source: SecretSource = {
      app: asAppId('timing'),
      id: asChallengeId('challenge'),
      purpose: 'sign_in',
      salt: 'AAAAAAAAAAAAAAAAAAAAAA',
      keyVersion: keyring.current,
    };
    const right = code(keyring, source);
    const shifted = (digit: string, by: number): string => String((Number(digit) + by) % 10);
    const near = `${right.slice(0, -1)}${shifted(right.slice(-1), 1)}`;
    const far = [...right].map((digit) => shifted(digit, 5)).join('');
    const compare = async (typed: string) =>
      timeOf(async () => {
        expect(isCode(keyring, source, typed)).to.equal(false);
      });
    expect(await alike(() => inTurns({ near, far }, TRIES * 5, compare))).to.deep.equal([]);
  });

  /** ms of each try, by class; the order within a round is drawn. */
  async function inTurns<Value>(
    classes: Readonly<Record<string, Value>>,
    tries: number,
    timed: (value: Value) => Promise<number>,
  ): Promise<Times> {
    // In the order they were named: the first is what the others are compared with.
    const times: Record<string, number[]> = Object.fromEntries(
      Object.keys(classes).map((name) => [name, []]),
    );
    for (let round = -WARM_UP; round < tries; round += 1) {
      const order = Object.entries(classes).map((entry) => ({ entry, at: random() }));
      for (const { entry } of order.sort((a, b) => a.at - b.at)) {
        const [name, value] = entry;
        const took = await timed(value);
        if (round >= 0) times[name]?.push(took);
      }
    }
    return times;
  }
});

async function timeOf(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

/** What tells classes apart, in words; nothing when they are alike, or were in a second measurement. */
async function alike(measure: () => Promise<Times>): Promise<readonly string[]> {
  const first = differences(await measure());
  if (first.length === 0) return [];
  const second = new Map(differences(await measure()).map(({ pair, text }) => [pair, text]));
  return first.flatMap(({ pair, text }) => (second.has(pair) ? [`${text}; again: ${second.get(pair)}`] : []));
}

function differences(times: Times): readonly { readonly pair: string; readonly text: string }[] {
  const [[baseName = '', base = []] = [], ...others] = Object.entries(times);
  return others.flatMap(([name, values]) => {
    const apart = median(values) - median(base);
    const chance = mannWhitney(base, values);
    if (Math.abs(apart) <= MAX_DIFFERENCE_MS && chance > SIGNIFICANT) return [];
    // The direction belongs to the finding: chance points the other way half of the time.
    const pair = `${name} ${apart > 0 ? 'slower' : 'faster'} than ${baseName}`;
    return [{ pair, text: `${pair}: medians ${apart.toFixed(3)} ms apart, p ${chance.toFixed(4)}` }];
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Two-sided p of the Mann-Whitney U test, by its normal approximation; times have no ties to speak of. */
function mannWhitney(one: readonly number[], other: readonly number[]): number {
  const all = [
    ...one.map((value) => ({ value, isOne: true })),
    ...other.map((value) => ({ value, isOne: false })),
  ];
  all.sort((a, b) => a.value - b.value);
  const ranks = all.reduce((sum, { isOne }, index) => (isOne ? sum + index + 1 : sum), 0);
  const [n, m] = [one.length, other.length];
  const u = ranks - (n * (n + 1)) / 2;
  const z = Math.abs(u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
  return 2 * (1 - normal(z));
}

/** Abramowitz and Stegun 7.1.26: the error is below 1.5e-7. */
function normal(z: number): number {
  const t = 1 / (1 + (0.3275911 * z) / Math.SQRT2);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return (1 + (1 - series * Math.exp((-z * z) / 2))) / 2;
}
