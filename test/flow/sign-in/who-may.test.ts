/** Who may sign in, and that nobody learns it before the mailbox is proved (design §2.2). */
import { expect } from 'chai';
import {
  APPS,
  ask,
  callbackOf,
  type Harness,
  publicClient,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { auditOf, newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formWith, pageOf } from '../../support/relying-party.ts';
import { seen } from '../../support/seen.ts';
import { askForMail, formTo, isSignedIn, newBrowser, sessionsIn } from '../../support/sign-in.ts';

const CLIENTS = { web: publicClient({ client_name: 'Web', client_uri: 'http://client.test/' }) };

describe('who may sign in', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    harness = await startPostern({
      apps: {
        ...APPS,
        club: { name: 'Club', sign_up: 'invited', clients: CLIENTS },
        firm: { name: 'Firm', sign_up: { domains: ['firm.example'] }, clients: CLIENTS },
      },
    });
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });

  it('sign_up invited: the mailbox is proved, then the page says so and offers the way back', async () => {
    const { browser, rp, waiting, mail, address } = await askForMail(harness, { slug: 'club' });
    const page = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    expect(page.status).to.equal(403);
    expect(pageOf(page).text).to.include('No account yet').and.include(address);
    expect(sessionsIn(browser)).to.have.length(0);
    expect(await inspection.users('club')).to.have.length(0);
    const back = await browser.submit(formTo(page, 'cancel'));
    expect(new URL(callbackOf(back)).searchParams.get('error')).to.equal('access_denied');
    expect(new URL(callbackOf(back)).searchParams.get('iss')).to.equal(rp.options.issuer);
    const refusals = (await auditOf(harness, 'club')).filter(({ type }) => type === 'sign_in.refused');
    expect(refusals).to.have.length(1);
  });

  it('sign_up domains: exactly these domains, no suffix and no subdomain', async () => {
    const rp = harness.rp('firm');
    const tries: Readonly<Record<string, boolean>> = {
      'ann@firm.example': true,
      'Bob@FIRM.example': true,
      'eve@sub.firm.example': false,
      'eve@evilfirm.example': false,
      'eve@firm.example.evil.example': false,
      'firm.example@evil.example': false,
    };
    for (const [address, isWelcome] of Object.entries(tries)) {
      const browser = newBrowser(harness);
      const waiting = await ask(browser, rp, address);
      const { code } = await harness.mailTo(address.replace('FIRM', 'firm'));
      const answer = await browser.submit(formWith(waiting, 'code'), { code });
      expect(isSignedIn(answer), address).to.equal(isWelcome);
      if (!isWelcome) expect(answer.status, address).to.equal(403);
    }
  });

  it('a blocked user is told after the proof only, and is no longer signed in anywhere', async () => {
    const address = newAddress();
    const old = newBrowser(harness);
    await signInByCode(harness, old, harness.rp(), address);
    await inspection.block(address);
    const { browser, waiting, mail } = await askForMail(harness, { address });
    const page = await browser.submit(formWith(waiting, 'code'), { code: mail.code });
    expect(page.status).to.equal(403);
    expect(pageOf(page).text).to.include('This account is closed');
    expect(sessionsIn(browser)).to.have.length(0);
    const silent = await old.visit(await harness.rp().authorizationUrl({ prompt: 'none' }));
    expect(new URL(callbackOf(silent)).searchParams.get('error')).to.equal('login_required');
    formWith(await old.visit(await harness.rp().authorizationUrl()), 'email');
  });

  /** Addresses of equal length, so that not even the length of an answer differs: known, blocked, and two strangers. */
  async function classes(slug: string): Promise<Readonly<Record<string, string>>> {
    const known = 'known@example.org';
    const blocked = 'block@example.org';
    for (const address of [known, blocked])
      await signInByCode(harness, newBrowser(harness), harness.rp(slug), address);
    await inspection.block(blocked, slug);
    return {
      known,
      blocked,
      unknown: 'nobod@example.org',
      closed: 'close@example.org',
      spelled: 'Known@example.org',
    };
  }

  /** How far the mail is by now differs from moment to moment: what is compared comes after it has arrived. */
  async function untilAccepted(browser: Browser, begun: Answer): Promise<void> {
    for (let look = 0; look < 500; look += 1) {
      await harness.server.jobs.runDue();
      const status = await browser.fetch(begun.url.replace('/begin', '/status'));
      if (status.body.includes('"accepted"')) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('the mail did not arrive');
  }

  it('ML-53 known, unknown, blocked and closed to sign-up: the same bytes at every step before the proof', async () => {
    const addresses = await classes('shop');
    const views: Record<string, string[]> = {};
    for (const [kind, address] of Object.entries(addresses)) {
      const browser = newBrowser(harness);
      const begun = await ask(browser, harness.rp(), address);
      await untilAccepted(browser, begun);
      const resend = await browser.clone().submit(formTo(begun, 'resend'), {}, { from: begun.url });
      const status = await browser.fetch(begun.url.replace('/begin', '/status'));
      const wrong = await browser.submit(formWith(begun, 'code'), { code: '00000000' });
      const change = await browser.submit(formTo(begun, 'change'), {}, { from: begun.url });
      views[kind] = [begun, resend, status, wrong, change].map((answer) => seen(answer, address));
    }
    for (const [kind, view] of Object.entries(views)) expect(view, kind).to.deep.equal(views.known);
  });

  it('ML-53 an app that is closed to sign-up answers strangers as it answers members', async () => {
    await signInByCode(harness, newBrowser(harness), harness.rp('firm'), 'cleo@firm.example');
    const views = await Promise.all(
      ['cleo@firm.example', 'cora@firm.example', 'evil@evil.example'].map(async (address) =>
        seen(await ask(newBrowser(harness), harness.rp('firm'), address), address),
      ),
    );
    expect(new Set(views).size).to.equal(1);
  });

  it('ML-55 the first page tells nothing by login_hint either', async () => {
    const views = await Promise.all(
      ['known@example.org', 'nobod@example.org', 'block@example.org'].map(async (login_hint) => {
        const url = await harness.rp().authorizationUrl({ login_hint });
        return seen(await newBrowser(harness).visit(url), login_hint);
      }),
    );
    expect(new Set(views).size).to.equal(1);
  });

  it('ML-55 the budget of a mailbox is the same for known and unknown, and says nothing of either', async () => {
    const rounds = async (address: string): Promise<string[]> => {
      const views: string[] = [];
      for (let turn = 0; turn < 11; turn++) {
        views.push(seen(await ask(newBrowser(harness), harness.rp('studio'), address), address));
      }
      return views;
    };
    await signInByCode(harness, newBrowser(harness), harness.rp('studio'), 'membr@example.org');
    const [known, unknown] = [await rounds('membr@example.org'), await rounds('strng@example.org')];
    // The member had one mail before.
    expect(known[0]).to.equal(unknown[0]);
    expect(known[10]).to.equal(unknown[10]);
    expect(known[9]).to.equal(unknown[10]);
  });

  it('ML-56 prompt=none answers login_required, whomever the hint names', async () => {
    for (const login_hint of [
      'known@example.org',
      'nobod@example.org',
      'block@example.org',
      'not an address',
    ]) {
      const url = await harness.rp().authorizationUrl({ prompt: 'none', login_hint });
      const callback = new URL(callbackOf(await newBrowser(harness).visit(url)));
      expect(callback.searchParams.get('error'), login_hint).to.equal('login_required');
    }
  });
});
