/**
 * Every page in a real Chromium, under the production CSP: nothing overflows, nothing is refused by the CSP, nothing comes from
 * elsewhere, axe finds nothing. `PICTURES=<folder>` also writes a picture of each.
 */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import type { BrowserContext, Page as Tab } from 'playwright-core';
import type { Page } from '../../src/core/page.ts';
import { newContext } from '../support/chromium.ts';
import { SAMPLES } from '../support/page-samples.ts';
import { type PageServer, startPageServer } from '../support/page-server.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** These leave at once by script: they are looked at as they stand before it runs. */
const LEAVING = new Set(['link-here-secret', 'proved', 'go-on', 'form-post']);
const PICTURES = process.env.PICTURES;

interface Setting {
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
  readonly locale: string;
  /** axe takes most of the time; colours and structure differ by scheme and script state, not by every setting. */
  readonly runsAxe: boolean;
}

const SETTINGS: readonly Setting[] = [
  { colorScheme: 'light', width: 1280, locale: 'en', runsAxe: true },
  { colorScheme: 'dark', width: 1280, locale: 'qps-plocm', runsAxe: false },
  { colorScheme: 'light', width: 320, locale: 'qps-plocm', runsAxe: false },
  { colorScheme: 'dark', width: 320, locale: 'qps-ploc', runsAxe: true },
];

/** `npm test` has no time for all: every page in the narrowest setting, and in one of the others in turn. */
const isLookedAt = (setting: number, page: number): boolean =>
  process.env.TEST_SHORT === undefined ||
  setting === SETTINGS.length - 1 ||
  setting === page % (SETTINGS.length - 1);

describe('pages in a browser', function () {
  this.timeout(30_000);
  let server: PageServer;

  before(async () => {
    server = await startPageServer();
    if (PICTURES) await mkdir(PICTURES, { recursive: true });
  });
  after(() => server.close());

  for (const [nth, setting] of SETTINGS.entries()) {
    const { colorScheme, width, locale } = setting;
    describe(`${colorScheme}, ${width} px, ${locale}`, () => {
      let context: BrowserContext;
      before(async () => {
        context = await newContext({
          colorScheme,
          viewport: { width, height: width < 500 ? 640 : 800 },
          reducedMotion: 'reduce',
          deviceScaleFactor: PICTURES ? 2 : 1,
        });
      });
      after(() => context.close());

      for (const [at, [name, page]] of Object.entries(SAMPLES).entries()) {
        if (!isLookedAt(nth, at)) continue;
        it(`WB-03 WB-13 ML-73 ${name}: fits, obeys the CSP, loads nothing from elsewhere, axe finds nothing`, async () => {
          await check(context, name, page, setting);
        });
      }
    });
  }

  async function check(context: BrowserContext, name: string, page: Page, setting: Setting): Promise<void> {
    const tab = await context.newPage();
    const complaints = watch(tab, server.origin);
    if (page.view === 'check-mail') {
      server.status = {
        state: 'pending',
        mail: page.mail,
        resendIn: page.resendIn,
        codeEntry: page.codeEntry,
      };
    }
    const settingName = `${setting.colorScheme}-${setting.width}-${setting.locale}`;
    if (LEAVING.has(name)) {
      await tab.route('**/public/**/*.js', (route) =>
        route.fulfill({ contentType: 'text/javascript', body: '' }),
      );
    }
    await tab.goto(server.show(`${name}-${settingName}`, page, { locale: setting.locale }));
    if (PICTURES)
      await tab.screenshot({ path: join(PICTURES, `${name}.${settingName}.png`), fullPage: true });
    expect(await overflowing(tab), 'wider than the window').to.deep.equal([]);
    if (setting.runsAxe) expect(await axeFindings(tab), 'axe').to.deep.equal([]);
    expect(await tab.locator('h1').count()).to.equal(1);
    expect(await tab.locator('a[href*="evil"], main script, main b').count(), 'markup from a value').to.equal(
      0,
    );
    expect(complaints).to.deep.equal([]);
    await tab.close();
  }
});

/** Collects what must never happen while a page is shown. */
function watch(tab: Tab, origin: string): string[] {
  const complaints: string[] = [];
  tab.on('console', (message) => {
    // A 4xx page itself is reported as an error by the browser.
    if (message.type() === 'error' && !/the server responded with a status/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  tab.on('pageerror', (fault) => complaints.push(String(fault)));
  tab.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) complaints.push(`asked for ${url}`);
  });
  return complaints;
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

async function axeFindings(tab: Tab): Promise<string[]> {
  await tab.evaluate(AXE);
  return tab.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then((result) =>
    result.violations.map((found) => found.id + ': ' + found.nodes.map((node) => node.html).join(' | ')))`);
}
