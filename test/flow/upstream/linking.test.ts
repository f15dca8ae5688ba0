import { expect } from 'chai';
import {
  callbackOf,
  type Harness,
  publicClient,
  redeemLink,
  signInByCode,
  startPostern,
} from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formWith, type RelyingParty } from '../../support/relying-party.ts';
import { allEvents, newBrowser, subOf } from '../../support/sign-in.ts';
import { presetWorld } from '../../support/upstream-presets.ts';
import type { Person } from '../../support/upstream-server.ts';
import { comeBack, finishReturn, leaveFor } from '../../support/upstream-visit.ts';

const KEY = { client_id: 'postern', client_secret: 'secret' };
const { world, oidc, oauth2 } = presetWorld();
const SERVERS = { github: oauth2.github, gitlab: oidc.gitlab };

const octocat = (id: string, email: string): Person => ({
  sub: id,
  login: `octocat-${id}`,
  emails: [{ email, primary: true, verified: true, visibility: null }],
});

describe('upstream: linked by proof, never by guess', () => {
  let harness: Harness;
  before(async () => {
    const providers = { github: { preset: 'github', ...KEY }, gitlab: { preset: 'gitlab', ...KEY } };
    const methods = { magic_link: {}, upstream: { providers } };
    const clients = { web: publicClient({ client_name: 'Web' }) };
    harness = await startPostern({ apps: { shop: { name: 'Shop', methods, clients } }, fetch: world.fetch });
  });
  after(() => harness.close());

  interface Visitor {
    readonly browser: Browser;
    readonly rp: RelyingParty;
    readonly answer: Answer;
  }

  async function visit(
    name: keyof typeof SERVERS,
    person: Person,
    browser = newBrowser(harness),
  ): Promise<Visitor> {
    const rp = harness.rp();
    const away = await leaveFor(browser, rp, name, { prompt: 'login' });
    const back = await comeBack(browser, away, SERVERS[name].authorize(away.url, person));
    return { browser, rp, answer: await finishReturn(browser, back) };
  }

  /** Proves this mailbox for what waits, by the code of the mail. */
  async function prove({ browser, rp, answer }: Visitor, address: string): Promise<string> {
    const waiting = await browser.submit(formWith(answer, 'email'), { email: address });
    const { code } = await harness.mailTo(address);
    return subOf(rp, callbackOf(await browser.submit(formWith(waiting, 'code'), { code })));
  }

  it('AC-05 an address that is only told is asked for first: nothing is mailed by coming back', async () => {
    const address = newAddress();
    const visitor = await visit('github', octocat('1', address));
    expect(harness.mails()).to.deep.equal([]);
    const field = formWith(visitor.answer, 'email').fields.find(({ name }) => name === 'email');
    expect(field?.value).to.equal(address);
    const sub = await prove(visitor, address);
    const again = await visit('github', octocat('1', 'another@x.example'));
    expect(await subOf(again.rp, callbackOf(again.answer))).to.equal(sub);
  });

  it('AC-05 the person may prove another mailbox than the one that was told', async () => {
    const mine = newAddress();
    const rp = harness.rp();
    const sub = await subOf(rp, callbackOf(await signInByCode(harness, newBrowser(harness), rp, mine)));
    const visitor = await visit('github', octocat('2', 'victim@x.example'));
    expect(await prove(visitor, mine)).to.equal(sub);
  });

  it('AC-05 whoever tells a victim’s address gets nowhere without the victim’s mailbox', async () => {
    const victim = newAddress();
    const rp = harness.rp();
    await signInByCode(harness, newBrowser(harness), rp, victim);
    const attacker = await visit('gitlab', { sub: 'eve', email: victim, email_verified: true });
    expect(attacker.answer.next ?? '').to.not.contain('code=');
    const waiting = await attacker.browser.submit(formWith(attacker.answer, 'email'), { email: victim });
    const wrong = await attacker.browser.submit(formWith(waiting, 'code'), { code: '00000000' });
    expect(wrong.next ?? '').to.not.contain('code=');
    const later = await visit('gitlab', { sub: 'eve', email: victim, email_verified: true });
    expect(later.answer.next ?? '').to.not.contain('code=');
  });

  it('AC-07 the victim opens the mail that an attacker asked for: in that browser it links nothing', async () => {
    const victim = newAddress();
    const attacker = await visit('gitlab', { sub: 'mallory', email: victim, email_verified: true });
    await attacker.browser.submit(formWith(attacker.answer, 'email'), { email: victim });
    const mail = await harness.mailTo(victim);
    expect(mail.text).to.contain('GitLab');
    const landing = await newBrowser(harness).visit(mail.link.split('#')[0] ?? '');
    expect(landing.body).to.not.contain('/redeem/');
    const later = await visit('gitlab', { sub: 'mallory', email: victim, email_verified: true });
    expect(later.answer.next ?? '').to.not.contain('code=');
  });

  it('AC-07 another subject is brought in before the link is opened: the link links the one that its mail was about', async () => {
    const address = newAddress();
    const browser = newBrowser(harness);
    const first = await visit('github', octocat('71', address), browser);
    await browser.submit(formWith(first.answer, 'email'), { email: address });
    const mail = await harness.mailTo(address);
    await visit('github', octocat('72', address), browser);
    const sub = await subOf(first.rp, callbackOf(await redeemLink(browser, mail)));
    const one = await visit('github', octocat('71', address));
    expect(await subOf(one.rp, callbackOf(one.answer))).to.equal(sub);
    const two = await visit('github', octocat('72', address));
    expect(two.answer.next ?? '').to.not.contain('code=');
  });

  it('AC-06 a subject of another provider with the same address and the same id is linked by its own proof only', async () => {
    const address = newAddress();
    await prove(await visit('github', octocat('81', address)), address);
    const other = await visit('gitlab', { sub: '81', email: address, email_verified: true });
    expect(other.answer.next ?? '').to.not.contain('code=');
  });

  it('each link is written down once, with its provider', async () => {
    const linked = (await allEvents(harness)).filter(({ type }) => type === 'account.linked');
    expect(linked.length).to.be.greaterThan(2);
    for (const event of linked) expect(event).to.have.property('provider');
  });
});
