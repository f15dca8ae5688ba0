/** The link where nobody asked for it: a scanner, a phone, a stranger. Nothing there signs anyone in (design §2.4). */
import { expect } from 'chai';
import { type Harness, redeemLink, startPostern } from '../../support/harness.ts';
import { Inspection } from '../../support/inspection.ts';
import { auditOf, newAddress } from '../../support/logins.ts';
import { type Answer, type Browser, formsOf, formWith, pageOf } from '../../support/relying-party.ts';
import {
  type Asked,
  askForMail,
  csrfOf,
  isSignedIn,
  landingOf,
  newBrowser,
  pressEverything,
  sessionsIn,
  wrongFor,
} from '../../support/sign-in.ts';

const SCANNERS = [
  'Microsoft Office Protocol Discovery',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/147.0.0.0 Safari/537.36',
  'WhatsApp/2.23.20.0',
  '',
];

describe('a link opened in another browser', () => {
  let harness: Harness;
  let inspection: Inspection;
  before(async () => {
    harness = await startPostern();
    inspection = await Inspection.open(harness);
  });
  after(async () => {
    await inspection.close();
    await harness.close();
  });

  /** Whether the browser that asked has become signed in by what happened elsewhere. */
  async function expectUntouched({ browser, mail, interaction }: Asked): Promise<void> {
    expect(sessionsIn(browser)).to.have.length(0);
    expect(await inspection.statusOf(mail.id)).to.equal('pending');
    const poll = await browser.fetch(`${interaction}/status`);
    expect(JSON.parse(poll.body)).to.include({ state: 'pending' });
    const answer = await browser.tab().visit(interaction);
    expect(pageOf(answer).title).to.include('Check your mail');
    expect(sessionsIn(browser)).to.have.length(0);
  }

  const completions: Readonly<Record<string, (asked: Asked) => Promise<Answer>>> = {
    'by link': ({ browser, mail }) => redeemLink(browser, mail),
    'by code': ({ browser, mail, waiting }) => browser.submit(formWith(waiting, 'code'), { code: mail.code }),
  };

  /** A second jar, with and without cookies of its own from the same app. */
  async function stranger(): Promise<Browser> {
    const other = newBrowser(harness);
    await other.visit(await harness.rp().authorizationUrl());
    return other;
  }

  for (const [way, complete] of Object.entries(completions)) {
    it(`ML-10 GET and HEAD by scanners burn nothing; then ${way}`, async () => {
      const asked = await askForMail(harness);
      for (const userAgent of SCANNERS) {
        const scanner = newBrowser(harness, { userAgent, localAddress: '127.0.0.9' });
        for (const method of ['HEAD', 'GET', 'HEAD', 'GET', 'GET'] as const) {
          const answer = await scanner.visit(landingOf(asked.mail), { method });
          expect(answer.status).to.equal(200);
          expect(sessionsIn(scanner)).to.have.length(0);
        }
      }
      await expectUntouched(asked);
      expect(isSignedIn(await complete(asked))).to.equal(true);
    });

    it(`ML-11 ML-12 every button of the landing page pressed elsewhere; then ${way}`, async () => {
      const asked = await askForMail(harness);
      for (const other of [newBrowser(harness), await stranger()]) {
        const landing = await other.visit(landingOf(asked.mail));
        expect(formsOf(landing).length).to.be.greaterThan(0);
        const answers = await pressEverything(other, landing, { code: '', secret: asked.mail.secret });
        for (const answer of answers) {
          expect(isSignedIn(answer)).to.equal(false);
          // Whatever the pages behind the buttons offer is pressed too.
          if (answer.next === undefined)
            await pressEverything(other, answer, { code: '', email: newAddress() });
        }
        expect(sessionsIn(other)).to.have.length(0);
      }
      await expectUntouched(asked);
      expect(isSignedIn(await complete(asked))).to.equal(true);
    });
  }

  it('ML-40 the secret posted to the interaction from a browser without its cookie', async () => {
    const asked = await askForMail(harness);
    const other = await stranger();
    const url = `${asked.interaction}/redeem/${asked.mail.id}`;
    const csrf = csrfOf(await other.visit(landingOf(asked.mail)));
    const body = { csrf, secret: asked.mail.secret };
    const answer = await other.visit(url, { method: 'POST', body, from: landingOf(asked.mail) });
    expect(answer.status).to.equal(400);
    expect(isSignedIn(answer)).to.equal(false);
    await expectUntouched(asked);
  });

  it('ML-40 resuming the request of the browser that asked gives it nothing', async () => {
    const asked = await askForMail(harness);
    const other = newBrowser(harness);
    await pressEverything(other, await other.visit(landingOf(asked.mail)), { secret: asked.mail.secret });
    const answer = await asked.browser.visit(asked.interaction.replace('/interaction/', '/auth/'));
    expect(isSignedIn(answer)).to.equal(false);
    formWith(answer, 'email');
  });

  it('ML-40 the page says who asked, from where and when, and names no address', async () => {
    const asked = await askForMail(harness);
    const landing = await newBrowser(harness).visit(landingOf(asked.mail));
    const { text } = pageOf(landing);
    expect(text).to.include('Shop').and.include('Firefox').and.include('Linux').and.include('This wasn’t me');
    expect(landing.body).to.match(/<time datetime="\d{4}-\d\d-\d\dT/);
    expect(landing.body).not.to.include(asked.address);
    expect(landing.body).not.to.include(asked.mail.secret);
    expect(landing.body).not.to.include(asked.interaction);
  });

  it('ML-15 no preview: noindex and no OpenGraph data', async () => {
    const { mail } = await askForMail(harness);
    const landing = await newBrowser(harness).visit(landingOf(mail));
    expect(landing.headers['x-robots-tag']).to.include('noindex');
    expect(landing.body).not.to.match(/property="og:|name="twitter:|name="description"/);
  });

  it('ML-42 a link that an attacker asked for does not sign the victim in', async () => {
    const asked = await askForMail(harness, { address: 'attacker@evil.example' });
    const victim = await stranger();
    const landing = await victim.visit(landingOf(asked.mail));
    expect(formsOf(landing).some(({ fields }) => fields.some(({ name }) => name === 'secret'))).to.equal(
      false,
    );
    await pressEverything(victim, landing);
    expect(sessionsIn(victim)).to.have.length(0);
  });

  it('ML-12 "This wasn’t me" is written down and changes nothing, however often', async () => {
    const asked = await askForMail(harness);
    const other = newBrowser(harness);
    for (let turn = 0; turn < 3; turn++) {
      const landing = await other.visit(landingOf(asked.mail));
      const [report] = formsOf(landing).filter(({ action }) => action.endsWith('/report'));
      if (!report) throw new Error('no report form');
      expect((await other.submit(report)).status).to.equal(200);
    }
    const events = await auditOf(harness);
    const reports = events.filter(
      (event) => event.type === 'challenge.reported' && event.challengeId === asked.mail.id,
    );
    expect(reports).to.have.length(3);
    await expectUntouched(asked);
    expect(isSignedIn(await redeemLink(asked.browser, asked.mail))).to.equal(true);
  });

  it('ML-28 the code typed into another interaction of the same address fails and counts', async () => {
    const first = await askForMail(harness);
    const second = await askForMail(harness, { address: first.address });
    expect(second.mail.code).not.to.equal(first.mail.code);
    const answer = await second.browser.submit(formWith(second.waiting, 'code'), { code: first.mail.code });
    expect(answer.status).to.equal(400);
    expect(pageOf(answer).text).to.include('4 tries left');
    await expectUntouched(first);
    expect(isSignedIn((await completions['by code']?.(first)) ?? answer)).to.equal(true);
    expect(
      isSignedIn(await second.browser.submit(formWith(answer, 'code'), { code: second.mail.code })),
    ).to.equal(true);
  });

  it('ML-28 wrong codes typed elsewhere never use up the five of the browser that asked', async () => {
    const asked = await askForMail(harness);
    const other = newBrowser(harness);
    let page = await other.visit(landingOf(asked.mail));
    for (let turn = 0; turn < 5; turn++) {
      page = await other.submit(formWith(page, 'code'), { code: wrongFor(asked.mail.code, turn) });
      expect(page.status).to.equal(400);
    }
    expect(formsOf(page).some(({ fields }) => fields.some(({ name }) => name === 'code'))).to.equal(false);
    await expectUntouched(asked);
    const form = formWith(asked.waiting, 'code');
    const wrong = await asked.browser.submit(form, { code: wrongFor(asked.mail.code) });
    expect(pageOf(wrong).text).to.include('4 tries left');
    expect(
      isSignedIn(await asked.browser.submit(form, { code: asked.mail.code }, { from: wrong.url })),
    ).to.equal(true);
  });

  it('ML-13 rewritten and decorated links end on a page, never in a fault', async () => {
    const { browser, mail, address } = await askForMail(harness);
    const landing = landingOf(mail);
    for (const tail of [
      '?x=1&amp;follow=true',
      '?follow=true',
      '?data=05%257C02%257C',
      '.',
      '>',
      ')',
      '%3E',
      '/',
      '?%',
      '%',
    ]) {
      const answer = await newBrowser(harness).visit(`${landing}${tail}`);
      expect(answer.status, tail).to.be.oneOf([200, 303, 404]);
      if (tail.startsWith('?')) expect(pageOf(answer).text, tail).to.include('Finish where you began');
    }
    for (const secret of [`${mail.secret}.`, `${mail.secret}%3D`, mail.secret.slice(0, 40), '']) {
      const form = formWith(await browser.visit(landing), 'secret');
      const answer = await browser.submit(form, { secret });
      expect(answer.status, secret).to.be.oneOf([200, 400, 404]);
    }
    const here = await browser.visit(`${landing}?x=1&amp;follow=true`);
    expect(pageOf(here).text).to.include(address);
    expect(isSignedIn(await browser.submit(formWith(here, 'secret'), { secret: mail.secret }))).to.equal(
      true,
    );
  });

  it('ML-12 a browser that asked for another mail of the app is no asking browser of this one', async () => {
    const asked = await askForMail(harness);
    const { browser: other } = await askForMail(harness);
    const landing = await other.visit(landingOf(asked.mail));
    expect(formsOf(landing).some(({ fields }) => fields.some(({ name }) => name === 'secret'))).to.equal(
      false,
    );
    expect(landing.body).not.to.include(asked.address);
  });
});
