/**
 * The pages that people see most, in every language and on a phone: nothing overflows, the direction is the language's own.
 * One tab for all, and no axe: structure and colours are the same as in English. `PICTURES=<folder>` also writes pictures.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import { pageTexts } from '../../src/http/locales.ts';
import { newContext } from '../support/chromium.ts';
import { SAMPLES } from '../support/page-samples.ts';
import { type PageServer, startPageServer } from '../support/page-server.ts';

const PAGES = [
  'sign-in',
  'check-mail',
  'link-elsewhere',
  'password-choose-short',
  'passkey-offer',
  'link-gone-expired',
  'switch-user',
  'consent-more',
  'refused-closed',
  'error',
];
const PICTURES = process.env.PICTURES;
const PICTURED = new Set(['de', 'ja', 'ar']);

describe('languages in a browser', function () {
  this.timeout(60_000);
  let server: PageServer;
  let context: BrowserContext;
  let tab: Tab;

  before(async () => {
    server = await startPageServer();
    context = await newContext({ viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' });
    tab = await context.newPage();
    if (PICTURES) await mkdir(PICTURES, { recursive: true });
  });
  after(async () => {
    await context.close();
    await server.close();
  });

  for (const { tag, dir } of pageTexts.stored.values()) {
    it(`${tag}: the main pages fit a phone`, async () => {
      for (const name of PAGES) {
        const page = SAMPLES[name];
        if (!page) throw new Error(`no sample ${name}`);
        // What the page asks for while it waits; without an answer it says that the sign-in has ended.
        server.status = { state: 'pending', mail: 'accepted', resendIn: 24, codeEntry: 'open' };
        await tab.goto(server.show(`${name}-${tag}`, page, { locale: tag }));
        expect(await looks(tab), name).to.deep.equal({ lang: tag, dir, out: [], cut: [] });
        if (PICTURES && PICTURED.has(tag)) await takePictures(name, tag);
      }
    });
  }

  async function takePictures(name: string, tag: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      await tab.screenshot({
        path: join(PICTURES ?? '', `${name}.${tag}.${colorScheme}.png`),
        fullPage: true,
      });
    }
    await tab.emulateMedia({ colorScheme: 'light' });
  }
});

interface Looks {
  readonly lang: string;
  readonly dir: string;
  /** Elements that stick out of the window sideways. */
  readonly out: readonly string[];
  /** Elements whose own text does not fit into them. */
  readonly cut: readonly string[];
}

const looks = (tab: Tab): Promise<Looks> =>
  tab.evaluate(`(() => {
    const root = document.documentElement;
    const shown = [...document.body.querySelectorAll('*')].filter((element) => element.getBoundingClientRect().width > 0);
    const out = shown.filter((element) => {
      const box = element.getBoundingClientRect();
      return box.left < -0.5 || box.right > root.clientWidth + 0.5;
    });
    const cut = shown.filter((element) => element.matches('button, .button, h1, h2, p, label, dt, dd, li')
      && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline');
    const named = (elements) => elements.map((element) => element.tagName + '.' + element.className + ' ' + element.textContent.trim().slice(0, 40));
    return { lang: root.lang, dir: root.dir, out: named(out), cut: named(cut) };
  })()`);
