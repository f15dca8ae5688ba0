/** The master secret changes while people are signed in and mails are under way: docs/guide/master-secret.md, phase by phase. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import { runCommand } from '../../../src/cli/run.ts';
import { APPS, ask, callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { again, auditOf, loginWithTokens, newAddress, refreshWith } from '../../support/logins.ts';
import { Browser, formWith } from '../../support/relying-party.ts';
import { startTwin, type Twin } from '../../support/twin.ts';
import { get, jsonOf } from '../../support/wire-forms.ts';

const [OLD, NEW] = [randomBytes(32), randomBytes(32)];
const APP = { shop: APPS.shop };

describe('master secret', () => {
  let harness: Harness;
  const twins: Twin[] = [];
  before(async () => {
    harness = await startPostern({ apps: APP, secrets: [OLD] });
    const file = JSON.stringify({ apps: APP }).replaceAll('http://client.test', 'https://client.test');
    writeFileSync(join(harness.directory, 'config.yaml'), file);
  });
  after(async () => {
    for (const twin of twins) await twin.close();
    await harness.close();
  });

  const startWith = async (...secrets: Buffer[]): Promise<Twin> => {
    const twin = await startTwin(harness, { secrets });
    twins.push(twin);
    return twin;
  };
  const postern = async (line: string, ...secrets: Buffer[]) => {
    const out: string[] = [];
    const code = await runCommand(line.split(' '), {
      env: {
        CONFIG: join(harness.directory, 'config.yaml'),
        STORE_URL: harness.config.storeUrl,
        SECRET_KEY: secrets.map((secret) => secret.toString('base64')).join(','),
        BASE_URL: harness.url,
      },
      cwd: harness.directory,
      print: (text) => out.push(text),
      complain: (text) => out.push(text),
    });
    return { code, out };
  };
  const kids = async (url = harness.url) =>
    (jsonOf(await get(`${url}/shop/jwks`, { host: new URL(harness.url).host })).keys as { kid: string }[])
      .map(({ kid }) => kid)
      .sort();

  it('WB-09 the reference of a refused request is in the header, for programs', async () => {
    const answer = await get(`${harness.url}/shop/auth?client_id=nobody`);
    const reference = String(answer.headers['postern-reference']);
    expect(reference).to.match(/^[\w-]{12}$/);
    expect(answer.body).to.include(reference);
    const token = await harness.rp().tokenRequest({ grant_type: 'refresh_token', refresh_token: 'x' });
    expect(token.status).to.equal(400);
  });

  it('rotates without down time: mail, session, refresh chain and keys live through every phase', async () => {
    const before = await kids();
    const { browser, tokens } = await loginWithTokens(harness);
    const address = newAddress();
    const asking = new Browser({ now: harness.clock.now });
    const waiting = await ask(asking, harness.rp(), address);

    // Phases 1 and 2: servers that know both, the new one second and then first.
    const [reading, sealing] = [await startWith(OLD, NEW), await startWith(NEW, OLD)];
    let token = tokens.refresh_token;
    for (const twin of [reading, sealing, reading]) {
      const answer = await refreshWith(twin.rp(), token);
      expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
      token = String(answer.json.refresh_token);
    }
    const { code } = await harness.mailTo(address);
    const atSealing = new Browser({ now: harness.clock.now, route: sealing.route }, asking.jar);
    const form = formWith(waiting, 'code');
    callbackOf(await atSealing.submit(form, { code }, { from: waiting.url }));
    await again(new Browser({ now: harness.clock.now, route: sealing.route }, browser.jar), sealing.rp());

    // The old one taken out too early: said at once, by name.
    const early = await startTwin(harness, { secrets: [NEW] }).catch((error: Error) => error.message);
    expect(early).to.match(/lacks the secret of version [0-9a-f]{12}/);
    const missing = await postern('secret status', NEW);
    expect(missing.code).to.equal(EXIT.failed);
    expect(missing.out.join('\n')).to.include('MISSING').and.include('key_set');

    // Phase 3, twice: it may be repeated.
    for (let round = 0; round < 2; round += 1)
      expect((await postern('secret reseal', NEW, OLD)).code).to.equal(EXIT.ok);
    expect((await auditOf(harness)).filter(({ type }) => type === 'secret.resealed')).to.have.length(1);
    const { out } = await postern('secret status', NEW, OLD);
    expect(out[1]).not.to.match(/key_set|Session/);

    // Phase 4: only the new one.
    const last = await startWith(NEW);
    const silent = await again(
      new Browser({ now: harness.clock.now, route: last.route }, browser.jar),
      last.rp(),
    );
    expect(new URL(silent).searchParams.get('code')).to.be.a('string');
    expect((await refreshWith(last.rp(), token)).status).to.equal(200);
    expect(await kids(last.harness.url)).to.deep.equal(before);
  }).timeout(60_000);
});
