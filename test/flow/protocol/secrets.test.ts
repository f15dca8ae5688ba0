/** "No token leakage": nothing that signs anybody in stands in a log or in a copy of the database. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { DAY } from '../../../src/core/clock.ts';
import { type Log, silentLog } from '../../../src/lib/log.ts';
import { openStore } from '../../../src/store/open.ts';
import type { ArtifactDraft, RecordDraft, Store } from '../../../src/store/port.ts';
import { freePort } from '../../conformance/processes.ts';
import { busyHour } from '../../support/busy-hour.ts';
import { ChildPostern, partsOf } from '../../support/child-postern.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { intercepted } from '../../support/intercepted-store.ts';
import { SecretBag } from '../../support/secret-bag.ts';
import { startSmtpSink } from '../../support/smtp-sink.ts';
import { testPlace } from '../../support/stand.ts';

const SIGN_INS = 100;
const KINDS = [
  'verifier',
  'authorization code',
  'access token',
  'refresh token',
  'id token',
  'mail code',
  'link secret',
  'cookie',
  'csrf token',
  'xsrf token',
];

/** Keeps every line whole, however deep its objects are: what a careless logger would write. */
function recorder(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (fields: object, message: string): void => {
    lines.push(
      `${message} ${inspect(fields, { depth: null, showHidden: true, maxStringLength: null, maxArrayLength: null })}`,
    );
  };
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}

interface Written {
  readonly artifacts: { readonly model: string; readonly draft: ArtifactDraft }[];
  readonly records: { readonly kind: string; readonly draft: RecordDraft<object> }[];
}

/** The store as it is, with a copy of everything that is written to it. */
function recorded(store: Store, written: Written): Store {
  return intercepted(store, (room, method, args) => {
    if (room === 'artifacts' && (method === 'upsert' || method === 'insert')) {
      const [, model, draft] = args as Parameters<Store['artifacts']['insert']>;
      written.artifacts.push({ model, draft });
    }
    if (room === 'records' && (method === 'insert' || method === 'replace')) {
      const [, kind, draft] = args as Parameters<Store['records']['insert']>;
      written.records.push({ kind, draft });
    }
    return undefined;
  });
}

describe('secrets after a hundred sign-ins', () => {
  const bag = new SecretBag();
  const log = recorder();
  const written: Written = { artifacts: [], records: [] };
  let harness: Harness;
  let addresses: readonly string[];

  before(async () => {
    harness = await startPostern({ log, wrapStore: (store) => recorded(store, written) });
    addresses = await busyHour(harness, SIGN_INS, bag);
  });
  after(() => harness.close());

  it('every kind of secret went by', () => {
    for (const kind of KINDS) expect(bag.count(kind), kind).to.be.at.least(SIGN_INS / 5);
  });

  it('ML-02 none of them, and no address, stands in anything that was logged', () => {
    const text = log.lines.join('\n');
    expect(log.lines.length).to.be.at.least(SIGN_INS * 5);
    expect(bag.foundIn(text)).to.deep.equal([]);
    expect(addresses.filter((address) => text.includes(address))).to.deep.equal([]);
  });

  it('ML-02 none of them stands in the audit log, nor does an address', async () => {
    const events = await Promise.all(
      harness.server.apps.all.map(({ id }) => harness.server.audit.list(id, { limit: 1000 })),
    );
    const text = JSON.stringify(events);
    expect(events.flat().length).to.be.at.least(SIGN_INS * 3);
    expect(bag.foundIn(text)).to.deep.equal([]);
    expect(addresses.filter((address) => text.includes(address))).to.deep.equal([]);
  });

  it('ML-03 none of them stands in a copy of the database', async () => {
    const bytes = await harness.dump();
    expect(bytes).to.include(addresses[0]);
    expect(bag.foundIn(bytes)).to.deep.equal([]);
  });

  it('OA-31, OA-48 neither a private key nor a client secret stands in a copy of the database', async () => {
    const bytes = await harness.dump();
    expect(bytes).to.include('RS256');
    expect(bytes).not.to.match(/-----BEGIN|"(?:d|p|q|dp|dq|qi)":/);
    expect(bytes).not.to.include(APPS.shop.clients.secretive.client_secret);
  });

  it('ML-03 rows are keyed by hashes and hold no copy of their key', () => {
    const models = new Set(written.artifacts.map(({ model }) => model));
    expect([...models]).to.include.members([
      'AuthorizationCode',
      'AccessToken',
      'RefreshToken',
      'Session',
      'Interaction',
    ]);
    for (const { model, draft } of written.artifacts) {
      expect(draft.id, model).to.match(/^[A-Za-z0-9_-]{43}$/);
      if (model !== 'Grant') expect(draft.data, model).not.to.have.property('jti');
      expect(draft.expiresAt, `expiry of ${model}`).to.be.a('number');
    }
  });

  it('ML-03 sessions and interactions are sealed whole', () => {
    for (const { model, draft } of written.artifacts) {
      if (model !== 'Session' && model !== 'Interaction') continue;
      expect(Object.keys(draft.data), model).to.deep.equal(['sealed']);
      expect(draft.data.sealed).to.match(/^[0-9a-f]{12}\.[A-Za-z0-9_-]{40,}$/);
    }
  });

  it('ML-03 the mail queue holds the challenge, never the rendered mail', () => {
    const jobs = written.records.filter(({ kind }) => kind.startsWith('job'));
    expect(jobs).not.to.have.length(0);
    for (const { draft } of jobs) {
      const text = JSON.stringify(draft);
      expect(text).not.to.match(/@|https?:|subject|html/i);
    }
  });

  it('RL-10 what has ended is swept away', async () => {
    const before = (await harness.dump()).length;
    harness.clock.move(500 * DAY);
    const count = await sweepAll(harness);
    harness.clock.move(-500 * DAY);
    expect(count).to.be.at.least(SIGN_INS);
    expect(before).to.be.greaterThan(0);
  });
});

/** Housekeeping by the moved clock until nothing is left to remove. */
async function sweepAll({ clock, config }: Harness): Promise<number> {
  const store = openStore(config.storeUrl, { log: silentLog });
  await store.prepare();
  let total = 0;
  for (let removed = 1; removed > 0; total += removed) removed = await store.sweep(clock.now(), 2000);
  await store.close();
  return total;
}

describe('secrets of the real process', () => {
  it('ML-02, ML-03 at its most verbose level it prints none of them, and keeps none', async () => {
    const place = await testPlace();
    const sink = await startSmtpSink();
    const bag = new SecretBag();
    const options = {
      directory: place.directory,
      storeUrl: place.storeUrl,
      port: await freePort(),
      secret: randomBytes(32).toString('base64'),
      smtpUrl: sink.url,
      environment: { LOG_LEVEL: 'trace' },
    };
    const child = await ChildPostern.start(options);
    const mailTo = async (address: string) => partsOf(await sink.mailTo(address));
    try {
      const addresses = await busyHour({ rp: (...names) => child.rp(...names), mailTo }, 15, bag);
      for (const kind of KINDS) expect(bag.count(kind), kind).to.be.at.least(3);
      const bytes = await place.dump();
      await child.stop();
      expect(child.output.split('\n').length).to.be.at.least(15 * 5);
      expect(bag.foundIn(child.output)).to.deep.equal([]);
      expect(addresses.filter((address) => child.output.includes(address))).to.deep.equal([]);
      expect(bag.foundIn(bytes)).to.deep.equal([]);
    } finally {
      await child.stop('SIGKILL');
      await sink.close();
      await place.remove();
    }
  });
});
