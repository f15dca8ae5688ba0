import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseDocument } from 'htmlparser2';
import { asAppId, asChallengeId } from '../../src/core/ids.ts';
import { Keyring } from '../../src/core/keyring.ts';
import { MAIL_KINDS } from '../../src/mail/kinds.ts';
import { messageIdFor } from '../../src/mail/message-id.ts';
import en from '../../views/mail/locales/en.json' with { type: 'json' };
import { composeSignInMail, type SignInMailInput } from '../support/sign-in-mail.ts';

const LINK = `https://auth.shop.example/link/${'C'.repeat(22)}#${'S'.repeat(43)}`;
const ASKED = Date.UTC(2026, 10, 23, 19, 4);
const ZERO_WIDTH = '\u200b';

const inputOf = (change: Partial<SignInMailInput> = {}, app: Partial<SignInMailInput['app']> = {}) => ({
  app: {
    id: asAppId('shop'),
    name: 'Shop',
    accent: '#4f46e5',
    from: { name: 'Shop', address: 'no-reply@shop.example' },
    ...app,
  },
  to: 'a@example.org',
  locales: ['en'],
  link: LINK,
  code: '12345678',
  messageId: '<id@shop.example>',
  device: 'Firefox on Linux',
  askedAt: ASKED,
  expiresAt: ASKED + 600_000,
  date: new Date(ASKED),
  ...change,
});

describe('sign-in mail', () => {
  it('says which app, device and time, how long it lives, and what to do if it was not you', () => {
    const { text, html, subject } = composeSignInMail(inputOf());
    expect(subject).equal('Sign in to Shop');
    for (const part of [text, html]) {
      expect(part).include('Shop');
      expect(part).include('Firefox on Linux');
      expect(part).match(/November 23, 2026 at 7:04.PM UTC/);
      expect(part).match(/7:14.PM UTC \(10 min\)/);
      expect(part).include('do nothing');
    }
  });

  it('ML-06 subject, first 100 characters and preheader hold neither code nor link', () => {
    const { subject, text, html } = composeSignInMail(inputOf({ device: '' }, { name: 'A' }));
    const preheader = /<div style="display:none[^>]*>(.*?)<\/div>/s.exec(html)?.[1] ?? '';
    expect(preheader).include('10 minutes');
    for (const shown of [subject, text.slice(0, 100), preheader]) {
      expect(shown).not.match(/1234|5678|https?:|link\/|CCCC|SSSS/);
    }
    expect(text.slice(100)).include(LINK);
  });

  it('ML-07 the link stands alone on a line; one that is too long or not plain is a fault', () => {
    const { text } = composeSignInMail(inputOf());
    expect(text.split('\n').filter((line) => line === LINK)).length(1);
    const at = text.split('\n').indexOf(LINK);
    expect(text.split('\n').slice(at - 1, at + 2)).deep.equal(['', LINK, '']);
    for (const link of [
      `${LINK}${'x'.repeat(200)}`,
      `${LINK} x`,
      `${LINK}"`,
      'javascript:alert(1)',
      `${LINK}\r\n`,
    ]) {
      expect(() => composeSignInMail(inputOf({ link })), link).throw(RangeError);
    }
  });

  it('ML-41 shows the code only with the warning never to read it out, and not at all when it is off', () => {
    const withCode = composeSignInMail(inputOf());
    for (const part of [withCode.text, withCode.html]) {
      expect(part).include('1234 5678');
      expect(part).include('Never read this code to anyone');
    }
    const without = composeSignInMail(inputOf({ code: undefined }));
    for (const part of [without.text, without.html]) {
      expect(part).not.match(/\d{4} \d{4}|Never read this code/);
      expect(part).include('Never pass this link on');
    }
    expect(() => composeSignInMail(inputOf({ code: '1234567' }))).throw(RangeError);
  });

  it('ML-05 every href is exactly the link, nothing is loaded, and tracking is switched off', () => {
    const { html, headers } = composeSignInMail(inputOf());
    const attributes = elementsOf(html).flatMap(({ attribs }) => Object.entries(attribs));
    const hrefs = attributes.filter(([name]) => name === 'href').map(([, value]) => value);
    expect(hrefs).length.above(1);
    expect(new Set(hrefs)).deep.equal(new Set([LINK]));
    expect(attributes.filter(([name]) => /^(src|srcset|background|action|data)$/.test(name))).deep.equal([]);
    expect(html).not.match(/url\(|@import|<(img|script|link|iframe|form|object|base)\b/i);
    expect(headers).include({
      'X-PM-TrackLinks': 'None',
      'X-Mailgun-Track': 'no',
      'X-Mailjet-TrackClick': '0',
    });
    const sendGrid = JSON.parse(headers['X-SMTPAPI'] ?? '');
    expect(sendGrid.filters.clicktrack.settings.enable).equal(0);
    expect(headers).include({ 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' });
    expect(Object.keys(headers).map((name) => name.toLowerCase())).not.include('list-unsubscribe');
  });

  it('ML-05 with a logo one image is loaded: its URL as configured, the same for everybody, with its sizes', () => {
    const url = 'https://www.shop.example/logo.png';
    const logo = { url, width: 120, height: 40, alt: 'Shop "& <Sons>"' };
    const imagesOf = (change: Partial<SignInMailInput>) =>
      elementsOf(composeSignInMail(inputOf(change, { logo })).html).filter(
        ({ attribs }) => attribs.src !== undefined,
      );
    const [image, ...more] = imagesOf({});
    expect(more).deep.equal([]);
    expect(image?.attribs).include({ src: url, width: '120', height: '40', border: '0' });
    expect(image?.attribs.alt?.replaceAll(ZERO_WIDTH, '')).equal('Shop "& <Sons>"');
    const [other] = imagesOf({
      to: 'b@example.org',
      device: 'x',
      messageId: '<z@shop.example>',
      code: undefined,
    });
    expect(other?.attribs).deep.equal(image?.attribs);
    const { html, text } = composeSignInMail(inputOf({}, { logo }));
    expect(text).equal(composeSignInMail(inputOf()).text);
    const urls = html.match(/https?:\/\/[^\s"<>]+/g) ?? [];
    expect(new Set(urls.map((one) => new URL(one).host))).deep.equal(
      new Set(['www.w3.org', 'www.shop.example', 'auth.shop.example']),
    );
    expect(html).not.match(/url\(|@import|background="/i);
  });

  for (const field of ['name', 'device'] as const) {
    it(`ML-73 a hostile ${field} stays text, is cut at 100 characters and links nowhere`, () => {
      const hostile = `<a href=//evil.example>x</a>{{7*7}} https://evil.example mailto:e@evil.example ${'x'.repeat(2000)}`;
      const { html, text } = composeSignInMail(
        field === 'name' ? inputOf({}, { name: hostile }) : inputOf({ device: hostile }),
      );
      const hrefs = elementsOf(html)
        .map(({ attribs }) => attribs.href)
        .filter((href) => href !== undefined);
      expect(new Set(hrefs)).deep.equal(new Set([LINK]));
      for (const part of [html, text]) {
        expect(part).include('{{7*7}}');
        expect(part).not.match(/evil\.example|https:\/\/evil|mailto:e|e@evil/);
        expect(part).include(`evil.${ZERO_WIDTH}example`);
        expect(part).not.include('x'.repeat(101));
      }
      expect(html).include('&lt;a href');
    });
  }

  it('ML-61 a name with line breaks or direction marks gives one plain line', () => {
    const name = 'Shop\r\nBcc: z@z.com\u2028\u0000\u202egnp.\u2066';
    const { subject, from } = composeSignInMail(
      inputOf({}, { name, from: { name, address: 'a@shop.example' } }),
    );
    expect(subject).equal('Sign in to Shop Bcc: z@z.com gnp.');
    expect(from.name).equal('Shop Bcc: z@z.com gnp.');
  });

  it('an accent that is no colour is not written into the style', () => {
    const { html } = composeSignInMail(inputOf({}, { accent: 'red;background:url(//evil)' }));
    expect(html).not.include('evil');
    expect(html).include('#4f46e5');
  });

  it('takes the text colour of the button for contrast', () => {
    expect(composeSignInMail(inputOf({}, { accent: '#ffee00' })).html).match(
      /color:#000000;[^"]*">Sign in to Shop/,
    );
    expect(composeSignInMail(inputOf({}, { accent: '#1a1a1a' })).html).match(
      /color:#ffffff;[^"]*">Sign in to Shop/,
    );
  });

  it('falls back to English for languages there are no texts for', () => {
    expect(composeSignInMail(inputOf({ locales: ['tlh-Latn', 'en-GB'] })).subject).equal('Sign in to Shop');
  });

  it('holds no text in the templates, and every key that they name is there and every text is used', () => {
    const folder = new URL('../../views/mail/', import.meta.url);
    const templates = readdirSync(folder).filter((file) => file.endsWith('.hbs'));
    const source = templates.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
    const used = [...source.matchAll(/\{\{t "([^"]+)"/g)].map((match) => match[1] ?? '');
    const keys = new Set(Object.keys(en).map((key) => key.replace(/\.(?:one|other)$/, '')));
    expect(used.filter((key) => !keys.has(key))).deep.equal([]);
    const subjects: readonly string[] = ['test.subject', ...MAIL_KINDS.map(({ subject }) => subject)];
    expect([...keys].filter((key) => !used.includes(key) && !subjects.includes(key))).deep.equal([]);
    const words = source.replace(
      /\{\{[^}]*\}\}|<style>[\s\S]*?<\/style>|<!--[\s\S]*?-->|<[^>]*>|&#?\w+;/g,
      '',
    );
    expect(words.replace(/[:\s]/g, '')).equal('');
  });

  it('the same input gives the same bytes', () => {
    expect(composeSignInMail(inputOf())).deep.equal(composeSignInMail(inputOf()));
  });
});

describe('message id', () => {
  const keyring = new Keyring([Buffer.alloc(32, 1)]);
  const input = {
    app: asAppId('shop'),
    challenge: asChallengeId('challenge-1'),
    send: 1,
    from: 'no-reply@shop.example',
  };

  it('RL-02 is the same for every attempt of a send, and tells nothing of the challenge', () => {
    const id = messageIdFor(keyring, input);
    expect(id).match(/^<[A-Za-z0-9_-]{43}@shop\.example>$/);
    expect(messageIdFor(new Keyring([Buffer.alloc(32, 1)]), input)).equal(id);
    expect(id).not.include('challenge');
  });

  it('differs by send, challenge, app and master secret', () => {
    const rotated = new Keyring([Buffer.alloc(32, 2), Buffer.alloc(32, 1)]);
    const ids = [
      messageIdFor(keyring, input),
      messageIdFor(keyring, { ...input, send: 2 }),
      messageIdFor(keyring, { ...input, challenge: asChallengeId('challenge-2') }),
      messageIdFor(keyring, { ...input, app: asAppId('bank') }),
      messageIdFor(rotated, input),
    ];
    expect(new Set(ids).size).equal(ids.length);
    expect(messageIdFor(rotated, { ...input, keyVersion: keyring.current })).equal(ids[0]);
  });
});

interface Element {
  readonly attribs: Readonly<Record<string, string>>;
}

function elementsOf(html: string): Element[] {
  const found: Element[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('attribs' in node) found.push(node as Element); // what has attributes is an element
    if ('children' in node && Array.isArray(node.children)) node.children.forEach(walk);
  };
  walk(parseDocument(html));
  return found;
}
