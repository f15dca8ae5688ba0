/** `WORKERS`: several processes on one port, one of them killed, all of them stopped in order. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CHILD_CALLBACK, ChildPostern, partsOf } from '../../support/child-postern.ts';
import { ask } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { Browser, formsOf, formWith, pageOf, type RelyingParty } from '../../support/relying-party.ts';
import { type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';

const WORKERS = 3;

describe('workers', function () {
  this.timeout(60_000);
  let directory: string;
  let sink: SmtpSink;
  let child: ChildPostern;
  let metricsUrl: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
    sink = await startSmtpSink();
    const [port, metricsPort] = [await freePort(), await freePort()];
    metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
    child = await ChildPostern.start({
      directory,
      port,
      secret: randomBytes(32).toString('base64'),
      smtpUrl: sink.url,
      environment: { WORKERS: String(WORKERS), METRICS_PORT: String(metricsPort), STOP_DELAY: '1s' },
    });
  });
  after(async () => {
    await child.stop('SIGKILL');
    await sink.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function signIn(rp: RelyingParty, address: string): Promise<void> {
    const browser = new Browser();
    const waiting = await ask(browser, rp, address);
    const { code } = partsOf(await sink.mailTo(address));
    const done = await browser.submit(formWith(waiting, 'code'), { code });
    expect(done.next).to.match(new RegExp(`^${CHILD_CALLBACK}\\?code=`));
    const tokens = await rp.exchange(done.next ?? '');
    expect(await rp.userinfo(tokens.access_token)).to.include({ email: address });
  }

  const pids = (): readonly number[] =>
    [...child.output.matchAll(/"pid":(\d+),"msg":"worker listens"/g)].map(([, pid]) => Number(pid));

  it('starts on an empty store, says so once and tells every worker', async () => {
    expect(child.output.match(/Postern listens on/g)).to.have.length(1);
    // A log line may wait for the pipe.
    await until(() => new Set(pids()).size === WORKERS);
  });

  it('signs people in over all of them, whoever answers', async () => {
    await Promise.all(Array.from({ length: 12 }, () => signIn(child.rp(), newAddress())));
    const text = await (await fetch(metricsUrl)).text();
    // One text for all: a sum over the workers, each series once.
    expect(text).to.match(
      /^postern_sign_ins_total\{app="shop",method="magic_link",outcome="succeeded"\} 12$/m,
    );
    expect(text).to.match(/^postern_mails_total\{app="shop",transport="[a-z]+",outcome="accepted"\} 12$/m);
    expect(text.match(/^process_cpu_seconds_total /gm)).to.have.length(1);
    const busy = [...child.output.matchAll(/"worker":(\d+)[^\n]*"mail taken"/g)].map(([, id]) => id);
    expect(new Set(busy).size, 'more than one worker was busy').to.be.above(1);
  });

  it('replaces a worker that was killed; the others go on, and so does what it had begun', async () => {
    const browser = new Browser();
    const address = newAddress();
    const rp = child.rp();
    const waiting = await ask(browser, rp, address);
    const mail = partsOf(await sink.mailTo(address));
    process.kill(pids()[0] ?? 0, 'SIGKILL');
    await until(() => pids().length === WORKERS + 1);
    expect(child.output).to.contain('worker ended and will be replaced');
    const done = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    expect(done.next).to.match(/code=/);
    await signIn(rp, newAddress());
  });

  it('RL-19 stops in order: not ready at once, still answering, then gone with exit code 0', async () => {
    const ready = async () => (await fetch(`${child.url}/health/ready`)).status;
    expect(await ready()).to.equal(200);
    const stopped = child.stop('SIGTERM').then(() => child.ended);
    await until(async () => (await ready()) === 503);
    const answer = await fetch(`${child.url}/health/live`);
    expect([answer.status, answer.headers.get('connection')]).to.deep.equal([200, 'close']);
    expect(await stopped).to.equal(0);
  });
});

describe('workers in development', function () {
  this.timeout(60_000);

  it('show every caught mail and remember every visit, whoever answers; nothing of it is readable in the store', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
    const child = await ChildPostern.start({
      directory,
      port: await freePort(),
      secret: randomBytes(32).toString('base64'),
      smtpUrl: '',
      environment: { WORKERS: '2', CONFIG: 'config/dev.yaml' },
    });
    try {
      const browser = new Browser();
      const address = newAddress();
      const [app] = formsOf(await browser.visit(`${child.url}/demo/app/shop`)).filter(({ action }) =>
        action.endsWith('/sign-in'),
      );
      if (!app) throw new Error('no sign-in at the demonstration');
      const page = await browser.submit(app);
      const waiting = await browser.submit(formWith(page, 'email'), { email: address });
      const found = async () => {
        const answer = await fetch(`${child.url}/dev/inbox/api/v1/search?query=${address}`);
        return Object(await answer.json()).messages[0]?.ID;
      };
      await until(async () => (await found()) !== undefined);
      // Connections are handed out in turn: all workers are asked, and each more than once.
      for (let nth = 0; nth < 6; nth += 1) expect(await found(), `look ${nth}`).to.be.a('string');
      const mail = await (await fetch(`${child.url}/dev/inbox/api/v1/message/${await found()}`)).json();
      const code = /^(\d{4}) (\d{4})$/m.exec(Object(mail).Text)?.slice(1).join('') ?? '';
      const done = await browser.submit(formWith(waiting, 'code'), { code });
      expect(pageOf(done).text).to.contain(address);
      const bytes =
        readFileSync(join(directory, 'postern.db'), 'latin1') +
        readFileSync(join(directory, 'postern.db-wal'), 'latin1');
      expect(bytes).to.contain('dev_mails');
      expect(bytes.includes(code.replace(/^(.{4})/, '$1 '))).to.equal(false);
    } finally {
      await child.stop('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Mocha's own limit ends it when the condition never holds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
