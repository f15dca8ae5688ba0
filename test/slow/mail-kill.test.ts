/**
 * RL-01, RL-02, RL-03: `kill -9` before and after every write of a mail's way, and in the middle of the talk with the mail
 * server; and a worker that stands still while it has mails in hand. SLOW_FACTOR multiplies how long it stands still.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { freePort } from '../conformance/processes.ts';
import { type ChildOptions, ChildPostern, partsOf } from '../support/child-postern.ts';
import { ask } from '../support/harness.ts';
import { newAddress } from '../support/logins.ts';
import { mongoOrSkip } from '../support/mongo-server.ts';
import { type Answer, Browser, formWith } from '../support/relying-party.ts';
import {
  type ReceivedMail,
  type Answer as SmtpAnswer,
  type SmtpSink,
  startSmtpSink,
} from '../support/smtp-sink.ts';
import { type Stand, testPlace } from '../support/stand.ts';
import type { FaultPoint } from './fault-server.ts';

const FACTOR = Number(process.env.SLOW_FACTOR ?? 1);
/** Longer than a lease, whatever the factor. */
const PAUSE_MS = Math.max(12_000, 60_000 * FACTOR);
const STORES: readonly Stand['store'][] = ['sqlite', 'mongodb'];
const LANES = 7;
const ENTRY = 'test/slow/fault-server.ts';

/** Writes of one mail from the request to its end, in this order. */
const POINTS: readonly FaultPoint[] = [
  ['challenge', 1],
  ['mail', 1],
  ['job:mail', 1],
  ['job:mail', 2],
  ['mail', 2],
  ['challenge', 2],
  ['job:mail', 3],
].flatMap(([kind, nth]) =>
  (['before', 'after'] as const).map((when) => ({ kind: String(kind), nth: Number(nth), when })),
);

/** Where the talk with the mail server stands when the process is killed. */
const TALKS: readonly SmtpAnswer[] = ['hang', 'drop-after-data'];

for (const store of STORES) {
  describe(`a mail and kill -9: ${store}`, function () {
    this.timeout(300_000);
    before(async function () {
      if (store === 'mongodb') await mongoOrSkip(this);
    });

    it('RL-01 RL-02 before and after every write of its way: one mail, at most one more of the same', async () => {
      const left = [...POINTS];
      const lane = async () => {
        for (let point = left.shift(); point; point = left.shift()) {
          const { when, nth, kind } = point;
          await killedAt(store, point).catch((cause) => {
            throw new Error(`killed ${when} write ${nth} of ${kind}: ${cause.message}`, { cause });
          });
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    });

    for (const talk of TALKS) {
      it(`RL-02 killed while the mail server does this: ${talk}`, async () => {
        await scene(store, async ({ start, sink }) => {
          sink.script(talk);
          const victim = await start();
          const browser = new Browser();
          const address = newAddress();
          const waiting = await ask(browser, victim.rp(), address);
          while (!sink.recipients.includes(address)) await delay(5);
          while (talk === 'drop-after-data' && sink.mails.length === 0) await delay(5);
          await victim.stop('SIGKILL');
          await arrives({ browser, address, waiting, sink, next: await start() });
        });
      });
    }

    it(`RL-03 a worker with mails in hand stands still for ${PAUSE_MS / 1000} s: the other sends them`, async () => {
      await scene(store, async ({ start, sink }) => {
        const [paused, other] = [await start(), await start()];
        sink.always('hang');
        const people = await Promise.all(
          Array.from({ length: 24 }, async () => {
            const [browser, address] = [new Browser(), newAddress()];
            return { browser, address, waiting: await ask(browser, paused.rp(), address) };
          }),
        );
        while (sink.recipients.length < 8) await delay(5);
        paused.signal('SIGSTOP');
        sink.always('accept');
        await delay(PAUSE_MS);
        paused.signal('SIGCONT');
        for (const { address } of people) await sink.mailTo(address);
        // What the paused one had in hand may go out once more; then everything has ended.
        await delay(10_000);
        for (const { address } of people) assertSame(mailsTo(sink, address));
        const [one] = people;
        if (one) {
          const { code } = partsOf(await sink.mailTo(one.address));
          const answer = await one.browser.submit(formWith(one.waiting, 'code'), { code });
          expect(answer.next).to.match(/code=/);
        }
        await other.stop('SIGTERM');
      });
    });
  });
}

function killedAt(store: Stand['store'], point: FaultPoint): Promise<void> {
  return scene(store, async ({ start, sink }) => {
    const victim = await start(ENTRY);
    await victim.ask(point);
    const browser = new Browser();
    const address = newAddress();
    const waiting = await ask(browser, victim.rp(), address).catch(() => undefined);
    expect(await victim.ended).to.equal('SIGKILL');
    await arrives({ browser, address, waiting, sink, next: await start(ENTRY) });
  });
}

interface Scene {
  readonly sink: SmtpSink;
  /** On the one store of the scene, each on a port of its own. */
  start(entry?: string): Promise<ChildPostern>;
}

async function scene(store: Stand['store'], play: (scene: Scene) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
  const [place, sink] = await Promise.all([testPlace(directory, store), startSmtpSink()]);
  const children: ChildPostern[] = [];
  const port = await freePort();
  const shared: Omit<ChildOptions, 'port'> = {
    directory,
    storeUrl: place.storeUrl,
    secret: randomBytes(32).toString('base64'),
    smtpUrl: sink.url,
    // One address for all, as behind a balancer: links and cookies are the same whoever serves.
    environment: { LOG_LEVEL: 'warn' },
  };
  const start = async (entry?: string) => {
    const isFree = children.every((child) => child.isOver);
    const options = { ...shared, port: isFree ? port : await freePort(), ...(entry ? { entry } : {}) };
    const environment = { ...shared.environment, BASE_URL: `http://localhost:${port}` };
    const child = await ChildPostern.start({ ...options, environment });
    children.push(child);
    return child;
  };
  try {
    await play({ sink, start });
  } finally {
    await Promise.all(children.map((child) => child.stop('SIGKILL')));
    await sink.close();
    await place.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Left {
  readonly browser: Browser;
  readonly address: string;
  /** Undefined when the process died before it could answer. */
  readonly waiting: Answer | undefined;
  readonly sink: SmtpSink;
  readonly next: ChildPostern;
}

/** Who got an answer gets the mail, on its own; who got none asks again, as people do, and gets it too. */
async function arrives({ browser, address, waiting, sink, next }: Left): Promise<void> {
  const page = waiting ?? (await ask(new Browser(), next.rp(), address));
  const reader = waiting ? browser : undefined;
  const mail = await within(40_000, sink.mailTo(address));
  if (reader) {
    const answer = await reader.submit(formWith(page, 'code'), { code: partsOf(mail).code });
    expect(answer.next).to.match(/code=/);
    // Leases run out, repairs run: nothing more comes of it than the one repeat.
    await delay(12_000);
    assertSame(mailsTo(sink, address));
  }
}

const mailsTo = (sink: SmtpSink, address: string): readonly ReceivedMail[] =>
  sink.mails.filter(({ to }) => to.includes(address));

function assertSame(mails: readonly ReceivedMail[]): void {
  expect(mails.length).to.be.within(1, 2);
  const one = new Set(mails.map(({ parsed }) => `${parsed.messageId} ${parsed.text}`));
  expect(one.size, 'the same mail').to.equal(1);
}

function within<Value>(ms: number, wanted: Promise<Value>): Promise<Value> {
  return Promise.race([wanted, delay(ms, undefined, { ref: false }).then(() => expect.fail('no mail came'))]);
}
