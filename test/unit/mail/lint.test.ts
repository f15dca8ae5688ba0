/** The lint finds each fault where there is one, and none in our own mails. */
import { expect } from 'chai';
import { asAppId } from '../../../src/core/ids.ts';
import { type LintRule, lintMail } from '../../../src/mail/lint.ts';
import { mailTexts } from '../../../src/mail/texts.ts';
import { composeSignInMail } from '../../support/sign-in-mail.ts';

const LINK = `https://auth.shop.example/link/${'C'.repeat(22)}#${'S'.repeat(43)}`;
const SUBJECT = 'Sign in to Shop';
const TEXT = `Open this:\n\n${LINK}\n`;
const page = (body: string): string =>
  `<!doctype html><html lang="en" dir="ltr"><head><title>Shop</title></head><body>${body}</body></html>`;
const FINE = page(`<p>Sign in</p><a href="${LINK}">Go</a>`);

const rulesOf = (change: Partial<Parameters<typeof lintMail>[0]>): LintRule[] =>
  lintMail({ subject: SUBJECT, text: TEXT, html: FINE, ...change }).map(({ rule }) => rule);

describe('lint of a mail', () => {
  it('finds nothing in a plain good mail', () => {
    expect(rulesOf({})).to.deep.equal([]);
  });

  const faults: readonly (readonly [LintRule, Partial<Parameters<typeof lintMail>[0]>])[] = [
    ['no-text', { text: ' \n' }],
    ['no-html', { html: '' }],
    ['no-subject', { subject: ' ' }],
    ['long-subject', { subject: 'x'.repeat(79) }],
    ['too-large', { html: page(`<p>${'x'.repeat(103 * 1024)}</p>`) }],
    ['no-lang', { html: FINE.replace(' lang="en"', '') }],
    ['no-dir', { html: FINE.replace(' dir="ltr"', '') }],
    ['no-title', { html: FINE.replace('Shop</title>', '</title>') }],
    ['other-host', { html: page(`<a href="${LINK}">https://shop.example/login</a>`) }],
    ['http-link', { html: page('<a href="http://shop.example/">Shop</a>'), text: 'http://shop.example/' }],
    ['link-missing', { text: 'Press the button.' }],
    ['no-alt', { html: page('<img src="cid:logo">') }],
    ['tracking-pixel', { html: page('<img src="cid:x" alt="" width="1" height="1">') }],
    ['loads-image', { html: page('<img src="//images.example/a.png" alt="">') }],
    ['loads-css', { html: page('<p style="background:url(https://x.example/a)">x</p>') }],
    ['active-content', { html: page('<form><p>x</p></form>') }],
    ['low-contrast', { html: page('<p style="color:#aaaaaa">x</p>') }],
    [
      'low-contrast',
      { html: page('<table bgcolor="#222222"><tr><td><p style="color:#333333">x</p></td></tr></table>') },
    ],
  ];
  for (const [rule, change] of faults) {
    it(`${rule} in ${JSON.stringify(change).slice(0, 70)}`, () => {
      expect(rulesOf(change)).to.deep.equal([rule]);
    });
  }

  it('ML-05 the logo of the app may be loaded, and nothing else of its host; it is measured as any image', () => {
    const logo = 'https://www.shop.example/logo.png';
    const found = (html: string) => lintMail({ subject: SUBJECT, text: TEXT, html: page(html) }, logo);
    expect(found(`<img src="${logo}" alt="Shop" width="120" height="40">`)).to.deep.equal([]);
    for (const [src, rule] of [
      ['https://www.shop.example/other.png', 'loads-image'],
      [`${logo}?to=ann`, 'loads-image'],
      ['https://evil.example/logo.png', 'loads-image'],
    ]) {
      expect(found(`<img src="${src}" alt="">`).map((one) => one.rule)).to.deep.equal([rule]);
    }
    expect(found(`<img src="${logo}" alt="" width="1">`).map(({ rule }) => rule)).to.deep.equal([
      'tracking-pixel',
    ]);
    expect(rulesOf({ html: page(`<img src="${logo}" alt="">`) })).to.deep.equal(['loads-image']);
  });

  it('hidden text and large text have their own measure', () => {
    expect(rulesOf({ html: page('<p style="display:none;color:#ffffff">x</p>') })).to.deep.equal([]);
    expect(rulesOf({ html: page('<p style="font-size:24px;color:#888888">x</p>') })).to.deep.equal([]);
  });

  for (const accent of ['#4f46e5', '#ffee00', '#777777', '#ffffff', '#000000']) {
    it(`finds nothing in our own mail with ${accent}, in any language`, () => {
      for (const { tag } of mailTexts.stored.values()) {
        for (const code of ['12345678', undefined]) {
          const mail = composeSignInMail({
            app: {
              id: asAppId('shop'),
              name: 'Shop',
              accent,
              from: { name: 'Shop', address: 'no-reply@shop.example' },
            },
            to: 'a@example.org',
            locales: [tag],
            link: LINK,
            code,
            messageId: '<id@shop.example>',
            device: 'Firefox on Linux',
            askedAt: 0,
            expiresAt: 600_000,
            date: new Date(0),
          });
          expect(lintMail(mail), `${tag} ${accent}`).to.deep.equal([]);
        }
      }
    });
  }
});
