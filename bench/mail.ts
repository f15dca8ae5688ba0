/**
 * Mails per second through one process, from rows in the queue to a mail server on this machine, against the pool of the
 * library alone with the same mails; and how long one mail of a small app takes while a big one floods.
 * `node bench/mail.ts [--mails 10000] [--rounds 3] [--dir .cache]`. Rounds alternate; medians are told.
 *
 * What Postern does beside the talk: find, claim, compose, sign off in log, challenge and audit log, all durably.
 */
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createTransport } from 'nodemailer';
import { buildServer, type Server } from '../src/app.ts';
import { type App, loadApps } from '../src/apps/apps.ts';
import { CHALLENGE, type ChallengeRow } from '../src/challenges/challenge.ts';
import { type Config, configFile } from '../src/config/schema.ts';
import { MINUTE, systemClock } from '../src/core/clock.ts';
import { asChallengeId } from '../src/core/ids.ts';
import { Keyring } from '../src/core/keyring.ts';
import { randomBuffer, randomToken } from '../src/core/random.ts';
import { createJobs } from '../src/jobs/jobs.ts';
import { silentLog } from '../src/lib/log.ts';
import { MailLog } from '../src/mail/mail-log.ts';
import { mailJob } from '../src/mail/outbox.ts';
import { openStore } from '../src/store/open.ts';
import type { Store } from '../src/store/port.ts';
import { Mailbox, startMailServer } from './mailbox.ts';
import { median } from './report.ts';

const IS_SINK = process.argv.includes('--sink');
/** As many as the SMTP transport opens. */
const CONNECTIONS = 8;
const FILL_AT_ONCE = 500;
const LOOK_MS = 10;

/** The mail server in a process of its own, which tells how many mails it has taken, and when one came for `studio`. */
async function runSink(): Promise<void> {
  let taken = 0;
  const mailbox = new Mailbox();
  mailbox.deliver = (to) => {
    taken += 1;
    if (to.startsWith('small')) process.send?.({ small: to });
  };
  const { url } = await startMailServer(mailbox);
  process.on('message', () => process.send?.({ taken }));
  process.send?.({ url });
}

class Sink {
  readonly #child = fork(fileURLToPath(import.meta.url), ['--sink']);
  readonly #small = new Map<string, () => void>();
  #onTaken: (taken: number) => void = () => undefined;
  readonly url: Promise<string>;

  constructor() {
    this.url = new Promise((resolveUrl) => {
      this.#child.on('message', (told: { url?: string; taken?: number; small?: string }) => {
        if (told.url !== undefined) resolveUrl(told.url);
        if (told.taken !== undefined) this.#onTaken(told.taken);
        if (told.small !== undefined) this.#small.get(told.small)?.();
      });
    });
  }

  taken(): Promise<number> {
    return new Promise((done) => {
      this.#onTaken = done;
      this.#child.send('?');
    });
  }

  async reaches(count: number): Promise<void> {
    while ((await this.taken()) < count) await delay(LOOK_MS);
  }

  arrival(to: string): Promise<void> {
    return new Promise((done) => this.#small.set(to, done));
  }

  close(): void {
    this.#child.kill();
  }
}

const secrets = [randomBuffer(32)];
const keyring = new Keyring(secrets);

function configOf(directory: string, smtpUrl: string): Config {
  const client = { redirect_uris: ['https://client.example/callback'], token_endpoint_auth_method: 'none' };
  const app = (name: string) => ({ name, clients: { web: client } });
  return {
    production: false,
    host: '127.0.0.1',
    port: 0,
    baseUrl: 'http://localhost:3000',
    storeUrl: `sqlite:${join(directory, 'postern.db')}`,
    secrets,
    smtpUrl,
    logLevel: 'silent',
    trustedProxies: [],
    outboundAllow: [],
    apps: configFile.parse({ apps: { shop: app('Shop'), studio: app('Studio') } }).apps,
  };
}

/** What a sign-in leaves behind when it asks for a mail. */
async function ask(store: Store, app: App, to: string): Promise<ReturnType<typeof mailJob>> {
  const now = systemClock.now();
  const id = randomToken();
  const data: ChallengeRow = {
    purpose: 'sign_in',
    status: 'pending',
    address: to,
    typed: to,
    addressKey: to,
    mailbox: randomToken(32),
    clientId: 'web',
    uid: keyring.seal(app.id, `challenge:${id}`, randomToken()),
    browser: randomToken(),
    salt: randomToken(),
    keyVersion: keyring.current,
    createdAt: now,
    lastAskedAt: now,
    endsAt: now + 10 * MINUTE,
    device: 'Firefox on Linux',
    locales: ['en'],
    sends: 1,
    sendTimes: [now],
    sentAt: now,
    movedAt: now,
    mail: 'queued',
  };
  await store.records.insert(
    app.id,
    CHALLENGE,
    { id, data, dueAt: now + MINUTE, expiresAt: now + 10 * MINUTE },
    now,
  );
  const order = { app: app.id, challenge: asChallengeId(id), send: 1, kind: 'sign_in', askedAt: now };
  await new MailLog({ store, clock: systemClock, keyring }).open(order, { to, keyVersion: keyring.current });
  return mailJob(order);
}

async function fill(config: Config, mails: number): Promise<void> {
  const store = openStore(config.storeUrl);
  await store.prepare();
  const app = (await loadApps(config, { store, clock: systemClock })).bySlug('shop');
  if (!app) throw new Error('no app');
  const jobs = createJobs({ store, clock: systemClock, log: silentLog });
  for (let at = 0; at < mails; at += FILL_AT_ONCE) {
    const batch = Array.from(
      { length: Math.min(FILL_AT_ONCE, mails - at) },
      (_, nth) => `p${at + nth}@example.org`,
    );
    await Promise.all(batch.map(async (to) => jobs.enqueue(await ask(store, app, to))));
  }
  await store.close();
}

interface Round {
  readonly perSecond: number;
  /** Of one mail of the small app, ms; empty for the bare pool. */
  readonly small: readonly number[];
}

async function posternRound(mails: number, directory: string): Promise<Round> {
  const sink = new Sink();
  const config = configOf(directory, await sink.url);
  await fill(config, mails);
  const store = openStore(config.storeUrl);
  const server = await buildServer(config, { store });
  const begun = performance.now();
  const small: number[] = [];
  let isOver = false;
  const watching = watchSmall(server, store, sink, small, () => isOver);
  await sink.reaches(mails);
  const seconds = (performance.now() - begun) / 1000;
  isOver = true;
  await watching;
  await server.close();
  sink.close();
  return { perSecond: mails / seconds, small };
}

async function watchSmall(server: Server, store: Store, sink: Sink, small: number[], isOver: () => boolean) {
  const app = server.apps.bySlug('studio');
  if (!app) throw new Error('no app');
  for (let nth = 0; !isOver(); nth += 1) {
    const to = `small${nth}@example.org`;
    const job = await ask(store, app, to);
    const asked = performance.now();
    const arrived = sink.arrival(to);
    await server.jobs.enqueue(job);
    await arrived;
    small.push(performance.now() - asked);
    await delay(100);
  }
}

/** The same pool with the same mails, given to it as fast as it takes them. */
async function bareRound(mails: number): Promise<Round> {
  const sink = new Sink();
  const url = new URL(await sink.url);
  const pool = createTransport({
    pool: true,
    host: url.hostname,
    port: Number(url.port),
    ignoreTLS: true,
    maxConnections: CONNECTIONS,
    maxMessages: 100,
  });
  const { text, html, headers } = await sample();
  const begun = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < mails) {
      next += 1;
      const to = `p${next}@example.org`;
      const messageId = `<${randomToken(32)}@localhost>`;
      const from = { name: 'Shop', address: 'no-reply@localhost' };
      const envelope = { from: from.address, to };
      await pool.sendMail({
        envelope,
        from,
        to,
        messageId,
        subject: 'Sign in to Shop',
        textEncoding: 'quoted-printable',
        text,
        html,
        headers,
      });
    }
  };
  await Promise.all(Array.from({ length: 32 }, lane));
  await sink.reaches(mails);
  const seconds = (performance.now() - begun) / 1000;
  pool.close();
  sink.close();
  return { perSecond: mails / seconds, small: [] };
}

/** One mail as Postern makes it, so that both send the same bytes. */
async function sample() {
  const directory = mkdtempSync(join(root(), 'sample-'));
  const store = openStore(configOf(directory, '').storeUrl);
  const sent: { text: string; html: string; headers: Record<string, string> }[] = [];
  const server = await buildServer(
    { ...configOf(directory, ''), smtpUrl: undefined },
    {
      store,
      transport: {
        name: 'sample',
        close: async () => undefined,
        send: async ({ text, html, headers }) => {
          sent.push({ text, html, headers: { ...headers } });
          return { outcome: 'accepted' };
        },
      },
    },
  );
  const app = server.apps.bySlug('shop');
  if (!app) throw new Error('no app');
  await server.jobs.enqueue(await ask(store, app, 'p1@example.org'));
  await server.jobs.runDue();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
  const [one] = sent;
  if (!one) throw new Error('no mail');
  return one;
}

const options = () =>
  parseArgs({
    options: {
      sink: { type: 'boolean', default: false },
      mails: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '3' },
      dir: { type: 'string', default: '.cache' },
      /** Postern without the pool beside it: for a profiler. */
      alone: { type: 'boolean', default: false },
    },
  }).values;

function root(): string {
  const directory = resolve(options().dir);
  mkdirSync(directory, { recursive: true });
  return directory;
}

async function measure(): Promise<void> {
  const mails = Number(options().mails);
  const rounds: { postern: Round; bare: Round }[] = [];
  for (let round = 0; round < Number(options().rounds); round += 1) {
    const bare = await bareRound(options().alone ? 1 : mails);
    const directory = mkdtempSync(join(root(), 'mail-'));
    const postern = await posternRound(mails, directory);
    rmSync(directory, { recursive: true, force: true });
    rounds.push({ postern, bare });
    const ratio = (postern.perSecond / bare.perSecond).toFixed(2);
    process.stdout.write(
      `${mails} mails: Postern ${postern.perSecond.toFixed(0)}/s, pool alone ${bare.perSecond.toFixed(0)}/s, ratio ${ratio}\n`,
    );
  }
  const ratios = rounds.map(({ postern, bare }) => postern.perSecond / bare.perSecond);
  const small = rounds.flatMap(({ postern }) => postern.small).sort((a, b) => a - b);
  const p95 = small[Math.floor(small.length * 0.95)] ?? Number.NaN;
  process.stdout.write(`ratio, median of ${rounds.length} rounds: ${median(ratios).toFixed(2)}\n`);
  process.stdout.write(
    `a mail of a small app meanwhile: median ${median(small).toFixed(0)} ms, 95 % within ${p95.toFixed(0)} ms, longest ${small.at(-1)?.toFixed(0)} ms, of ${small.length}\n`,
  );
}

await (IS_SINK ? runSink() : measure());
