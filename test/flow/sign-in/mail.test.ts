/** What the sign-in mail shows, and to whom. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { linkSecret } from '../../../src/challenges/secrets.ts';
import { asAppId, asChallengeId } from '../../../src/core/ids.ts';
import { Keyring } from '../../../src/core/keyring.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { askForMail, newBrowser } from '../../support/sign-in.ts';

const HOSTILE = '<a href=//evil.example>x</a>{{7*7}} https://evil.example ';

describe('the sign-in mail', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern();
  });
  after(() => harness.close());

  it('ML-06 neither subject nor preview show code or link', async () => {
    const { mail } = await askForMail(harness);
    const preview = mail.html
      .replace(/<style[\s\S]*?<\/style>|<title[\s\S]*?<\/title>|<[^>]*>/g, '')
      .replace(/\s+/g, ' ')
      .trim();
    for (const shown of [mail.subject, mail.text.slice(0, 100), preview.slice(0, 100)]) {
      expect(shown).not.to.match(/\d{4} ?\d{4}/);
      expect(shown).not.to.include(mail.secret);
      expect(shown).not.to.include('/link/');
    }
  });

  it('ML-07 the link is short, has only plain characters and stands alone on its line', async () => {
    const { mail } = await askForMail(harness);
    expect(mail.link.length).to.be.at.most(200);
    expect(mail.link).to.match(/^[A-Za-z0-9\-._~:/?=&#]+$/);
    expect(mail.text.split('\n').map((line) => line.trim())).to.include(mail.link);
    expect(mail.html).to.include(`href="${mail.link}"`);
  });

  it('ML-05 no address of another origin in the mail, and the switches against click tracking', async () => {
    const { mail, address } = await askForMail(harness);
    const urls = `${mail.html}\n${mail.text}`.match(/https?:\/\/[^\s"<>]+/g) ?? [];
    const origins = new Set(
      urls.filter((url) => !url.includes('www.w3.org')).map((url) => new URL(url).origin),
    );
    expect([...origins]).to.deep.equal([harness.url]);
    expect(mail.html).not.to.match(/<img/i);
    const sent = harness.mails().find((caught) => caught.mail.to === address);
    expect(sent?.mail.headers).to.include({ 'Auto-Submitted': 'auto-generated', 'X-PM-TrackLinks': 'None' });
  });

  it('ML-05 with a logo the mails of two people load the same URL of its host, and nothing else', async () => {
    const url = 'https://www.shop.example/mail-logo.png';
    const branded = await startPostern({ apps: { shop: { ...APPS.shop, brand: { mail_logo: { url } } } } });
    try {
      for (const address of ['ann@example.org', 'ben@example.org']) {
        const { mail } = await askForMail(branded, { address });
        const images = mail.html.match(/<img[^>]*>/g) ?? [];
        expect(images).to.have.length(1);
        expect(images[0]).to.match(
          /^<img src="https:\/\/www\.shop\.example\/mail-logo\.png" width="120" height="40" alt="Shop" /,
        );
        const urls = `${mail.html}\n${mail.text}`.match(/https?:\/\/[^\s"<>]+/g) ?? [];
        const foreign = urls.filter((one) => !one.startsWith(branded.url) && !one.includes('www.w3.org'));
        expect(foreign).to.deep.equal([url]);
      }
    } finally {
      await branded.close();
    }
  });

  it('ML-08 secrets are 256 bits and differ, links and codes of one address too', async () => {
    const address = 'many@example.org';
    const mails = [];
    for (let nth = 0; nth < 10; nth++) mails.push((await askForMail(harness, { address })).mail);
    expect(new Set(mails.map(({ secret }) => secret)).size).to.equal(10);
    expect(new Set(mails.map(({ id }) => id)).size).to.equal(10);
    expect(new Set(mails.map(({ code }) => code)).size).to.be.at.least(9);
    for (const { secret, code, id } of mails) {
      expect(secret).to.match(/^[\w-]{43}$/);
      expect(id).to.match(/^[\w-]{22}$/);
      expect(code).to.match(/^\d{8}$/);
    }
  });

  it('ML-08 10,000 link secrets: all distinct, and half of their bits are ones', () => {
    const keyring = new Keyring([randomBytes(32)]);
    const secrets = Array.from({ length: 10_000 }, (_, nth) =>
      linkSecret(keyring, {
        app: asAppId('app'),
        id: asChallengeId(`challenge-${nth}`),
        purpose: 'sign_in',
        salt: 'the same for all',
        keyVersion: keyring.current,
      }),
    );
    expect(new Set(secrets).size).to.equal(secrets.length);
    const bits = Buffer.concat(secrets.map((secret) => Buffer.from(secret, 'base64url')));
    let ones = 0;
    for (const byte of bits) ones += byte.toString(2).replaceAll('0', '').length;
    expect(ones / (bits.length * 8)).to.be.within(0.49, 0.51);
  });

  it('ML-73 app, client and device are text, short and without a live link; the typed address is not printed', async () => {
    const name = HOSTILE.slice(0, 60);
    const apps = {
      shop: { ...APPS.shop, name, clients: { web: { ...APPS.shop.clients.web, client_name: HOSTILE } } },
    };
    const hostile = await startPostern({ apps });
    try {
      const userAgent = `Mozilla/5.0 ${HOSTILE.repeat(100)} Firefox/140.0`.slice(0, 2000);
      const { mail, waiting, address } = await askForMail(hostile, {
        browser: newBrowser(hostile, { userAgent }),
      });
      expect(mail.html).not.to.match(/<a[^>]*evil/);
      expect(mail.html).not.to.include('href=//evil');
      expect(mail.html).to.include('{{7*7}}');
      expect(mail.text).not.to.match(/https?:\/\/evil/);
      expect(mail.text).not.to.match(/(?<![\w\u200b\u2060.])evil\.example/);
      expect(mail.subject.length).to.be.at.most(150);
      expect(mail.html).not.to.include(address);
      expect(mail.text).not.to.include(address);
      expect(waiting.body).not.to.match(/<a[^>]*href=\/\/evil/);
      const sent = hostile.mails().find((caught) => caught.mail.to === address);
      expect(sent?.mail.from.name).not.to.match(/[\r\n]/);
    } finally {
      await hostile.close();
    }
  });

  it('speaks the language of the request, and falls back to the app', async () => {
    const address = newAddress();
    const { mail } = await askForMail(harness, { address, params: { ui_locales: 'xx-unknown' } });
    expect(mail.subject).to.include('Shop');
    expect(mail.html).to.match(/<html lang="en"/);
  });
});
