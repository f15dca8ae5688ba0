/**
 * The first and the last moment of real processes: killed while a store is set up for the first time, and told twice to
 * stop. SLOW_FACTOR multiplies the kills, SEED (1) makes their moments repeatable as far as the machine allows.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type ChildOptions, ChildPostern, partsOf } from '../support/child-postern.ts';
import { ask } from '../support/harness.ts';
import { newAddress } from '../support/logins.ts';
import { Browser, formWith } from '../support/relying-party.ts';
import { randomFrom } from '../support/seeded-random.ts';
import { type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts';

const KILLS = Math.max(5, Math.round(100 * Number(process.env.SLOW_FACTOR ?? 1)));
const SEED = Number(process.env.SEED ?? 1);
/** A start takes about a second; later moments find a server that listens. */
const LATEST_KILL_MS = 1500;

describe('first and last moments of a process', function () {
  this.timeout(60_000 + KILLS * 20_000);
  const random = randomFrom(SEED);
  let directory: string;
  let sink: SmtpSink;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
    sink = await startSmtpSink();
  });
  afterEach(async () => {
    await sink.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function options(environment: Readonly<Record<string, string>>): Promise<ChildOptions> {
    const secret = randomBytes(32).toString('base64');
    return { directory, port: await freePort(), secret, smtpUrl: sink.url, environment };
  }

  it(`RL-13 ${KILLS} kills while two workers set up a store: the next start finds or makes all of it`, async () => {
    const set = await options({ WORKERS: '2' });
    for (let kill = 0; kill < KILLS; kill += 1) {
      // A fresh store every fifth time, so that kills of a half made one add up too.
      const storeUrl = `sqlite:${join(directory, `postern-${Math.floor(kill / 5)}.db`)}`;
      const victim = ChildPostern.begin({ ...set, storeUrl });
      await delay(random() * LATEST_KILL_MS);
      await victim.stop('SIGKILL');
      if (kill % 5 < 4 && kill < KILLS - 1) continue;
      const child = await startOnceFree({ ...set, storeUrl });
      try {
        const address = newAddress();
        const browser = new Browser();
        const waiting = await ask(browser, child.rp(), address);
        const { code } = partsOf(await sink.mailTo(address));
        expect((await browser.submit(formWith(waiting, 'code'), { code })).next).to.match(/code=/);
      } finally {
        await child.stop('SIGKILL');
      }
    }
  });

  for (const workers of ['1', '2']) {
    it(`RL-19 a second signal ends ${workers === '1' ? 'a process' : 'workers'} at once`, async () => {
      const child = await ChildPostern.start(await options({ WORKERS: workers, STOP_DELAY: '60s' }));
      const ready = async () => (await fetch(`${child.url}/health/ready`)).status;
      child.signal('SIGTERM');
      while ((await ready()) === 200) await delay(20);
      child.signal('SIGTERM');
      expect(await child.ended).to.equal(1);
      expect(await ready().catch(() => 'gone')).to.equal('gone');
    });
  }
});

/** Workers of a killed supervisor end by themselves, a moment later. */
async function startOnceFree(options: ChildOptions): Promise<ChildPostern> {
  for (let attempt = 0; ; attempt += 1) {
    const child = await ChildPostern.start(options).catch((fault: Error) => fault);
    if (!(child instanceof Error)) return child;
    if (attempt === 5 || !child.message.includes('EADDRINUSE')) throw child;
    await delay(200);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
