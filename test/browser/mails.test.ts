/**
 * Every kind of mail in a real Chromium: nothing overflows, nothing is loaded but a configured logo, axe finds nothing, and the code can be copied
 * as it stands. `PICTURES=<folder>` also writes a picture of each.
 */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import { asAppId } from '../../src/core/ids.ts';
import { composeMail, type MailDraft, type MailLogo } from '../../src/mail/compose.ts';
import { MAIL_KINDS, type MailKind, type MailValues } from '../../src/mail/kinds.ts';
import { newContext } from '../support/chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PICTURES = process.env.PICTURES;

interface Setting {
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
  readonly lang: string;
  /** axe takes most of the time; what it looks at differs by scheme and not by every setting. */
  readonly runsAxe: boolean;
  readonly variants: readonly string[];
}

const SETTINGS: readonly Setting[] = [
  {
    colorScheme: 'light',
    width: 1000,
    lang: 'en',
    runsAxe: true,
    variants: ['usual', 'long', 'without-code', 'logo', 'logo-off'],
  },
  { colorScheme: 'dark', width: 1000, lang: 'de', runsAxe: true, variants: ['without-code', 'logo'] },
  { colorScheme: 'light', width: 320, lang: 'pl', runsAxe: false, variants: ['long', 'logo-wide'] },
  { colorScheme: 'dark', width: 375, lang: 'he', runsAxe: true, variants: ['usual', 'long', 'logo'] },
  { colorScheme: 'dark', width: 320, lang: 'ar', runsAxe: false, variants: ['logo-wide', 'logo-off'] },
  { colorScheme: 'light', width: 1000, lang: 'ar', runsAxe: false, variants: ['long'] },
  { colorScheme: 'light', width: 375, lang: 'ja', runsAxe: false, variants: ['long'] },
];

/** As long as a name may be, with nothing to break it at. */
const LONG = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikverwaltung';

const logo = (width: number, height: number): MailLogo => ({
  url: 'https://www.shop.example/mail-logo.png',
  width,
  height,
  alt: 'Shop and Sons',
});

interface Variant {
  readonly name: string;
  readonly accent: string;
  readonly without?: string;
  readonly logo?: MailLogo;
}

/** What changes from mail to mail. */
const VARIANTS: Readonly<Record<string, Variant>> = {
  usual: { name: 'Shop', accent: '#4f46e5' },
  long: { name: LONG, accent: '#ffdd00' },
  'without-code': { name: 'Studio', accent: '#0b0c0f', without: 'code' },
  logo: { name: 'Shop', accent: '#4f46e5', logo: logo(120, 40) },
  /** As wide as may be: wider than what a small telephone leaves of the card. */
  'logo-wide': { name: 'Shop', accent: '#4f46e5', logo: logo(240, 80) },
  /** Images are off, as they are at first in most mail programs. */
  'logo-off': { name: 'Shop', accent: '#4f46e5', logo: logo(120, 40) },
};

/** Dark on nothing, as most logos are: on a dark card it could not be seen. In the proportion 3 : 1. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><circle cx="20" cy="20" r="16" fill="#0f766e"/>
<text x="44" y="29" font-family="sans-serif" font-size="26" font-weight="bold" fill="#16181d">Shop</text></svg>`;

describe('mails in a browser', function () {
  this.timeout(30_000);
  before(async () => {
    if (PICTURES) await mkdir(PICTURES, { recursive: true });
  });

  for (const setting of SETTINGS) {
    const { colorScheme, width, lang } = setting;
    describe(`${colorScheme}, ${width} px, ${lang}`, () => {
      let context: BrowserContext;
      before(async () => {
        context = await newContext({
          colorScheme,
          viewport: { width, height: 800 },
          javaScriptEnabled: true,
          deviceScaleFactor: PICTURES ? 2 : 1,
        });
      });
      after(() => context.close());

      for (const kind of MAIL_KINDS) {
        for (const variant of setting.variants) {
          it(`ML-05 ML-73 ${kind.name}, ${variant}: fits, loads nothing but its logo, axe finds nothing`, async () => {
            await look(context, kind, variant, setting);
          });
        }
      }
    });
  }
});

async function look(
  context: BrowserContext,
  kind: MailKind,
  variant: string,
  setting: Setting,
): Promise<void> {
  const tab = await context.newPage();
  const asked: string[] = [];
  tab.on('request', (request) => {
    if (!/^(about|data):/.test(request.url())) asked.push(request.url());
  });
  const shown = VARIANTS[variant]?.logo;
  if (shown) {
    // What is drawn is told by its type, not by the end of its address.
    await tab.route(shown.url, (route) =>
      variant === 'logo-off' ? route.abort() : route.fulfill({ contentType: 'image/svg+xml', body: LOGO }),
    );
  }
  const { html } = composeMail(kind, draftOf(kind, variant, setting.lang));
  await tab.setContent(html);
  if (PICTURES) {
    const name = `${kind.name}.${variant}.${setting.colorScheme}-${setting.width}-${setting.lang}.png`;
    await tab.screenshot({ path: join(PICTURES, name), fullPage: true });
  }
  expect(asked).to.deep.equal(shown ? [shown.url] : []);
  if (shown) await expectRoom(tab, shown);
  expect(await overflowing(tab), 'wider than the window').to.deep.equal([]);
  expect(await tab.locator('h1').count()).to.equal(1);
  // One run of text, as the page takes it when it is pasted.
  if ('code' in kind.fields && variant !== 'without-code')
    expect(await tab.locator('.digits').innerText()).to.equal('1234 5678');
  expect(await tab.locator('html').getAttribute('lang')).to.equal(setting.lang);
  if (setting.runsAxe) expect(await axeFindings(tab), 'axe').to.deep.equal([]);
  await tab.close();
}

/** As large with images off as with them, so that nothing jumps; and on white in both schemes. */
async function expectRoom(tab: Tab, { width, height }: MailLogo): Promise<void> {
  const box = await tab.locator('img').boundingBox();
  expect(box?.height).to.equal(height);
  expect(box?.width).to.be.at.most(width).and.at.least(Math.min(width, 200));
  const plate = await tab.evaluate(
    `getComputedStyle(document.querySelector('img').closest('td')).backgroundColor`,
  );
  expect(plate).to.equal('rgb(255, 255, 255)');
}

function draftOf(kind: MailKind, variant: string, lang: string): MailDraft {
  const { name = '', accent = '', without, logo } = VARIANTS[variant] ?? {};
  const values = Object.entries(kind.fields).map(([field, { sample, type }]) => {
    if (field === without) return [field, undefined];
    return [field, type === 'text' && variant === 'long' ? LONG : sample];
  });
  return {
    app: { id: asAppId('app'), name, accent, logo, from: { name, address: 'no-reply@shop.example' } },
    to: 'ann@example.org',
    locales: [lang],
    messageId: '<id@shop.example>',
    date: new Date(0),
    // Made from the fields of this very kind, which `fromEntries` forgets.
    values: Object.fromEntries(values) as MailValues<MailKind>,
  };
}

/** Elements that stick out of the window sideways, and the document if it scrolls that way. */
function overflowing(tab: Tab): Promise<string[]> {
  return tab.evaluate(`(() => {
    const width = document.documentElement.clientWidth;
    const out = [...document.body.querySelectorAll('*')].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && (box.left < -0.5 || box.right > width + 0.5);
    }).map((element) => element.tagName + '.' + element.className);
    if (document.documentElement.scrollWidth > width) out.push('document');
    return out;
  })()`);
}

/** Rules about landmarks are for pages: a mail is drawn inside of one. */
async function axeFindings(tab: Tab): Promise<string[]> {
  await tab.evaluate(AXE);
  return tab.evaluate(`axe.run(document, {
    resultTypes: ['violations'],
    rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } },
  }).then((result) =>
    result.violations.map((found) => found.id + ': ' + found.nodes.map((node) => node.html).join(' | ')))`);
}
