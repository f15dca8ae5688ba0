import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Page, PageContext } from '../../src/core/page.ts';
import { assetNames, assetUrl, findAsset } from '../../src/http/assets.ts';
import { render } from '../../src/http/render.ts';
import { SURFACES, themeFor } from '../../src/http/rendering/theme.ts';
import { contrast, parseColour } from '../../src/lib/contrast.ts';
import { checkMail, HOSTILE, SAMPLE_OF_VIEW, SAMPLES } from '../support/page-samples.ts';

const CONTEXT: PageContext = {
  app: { name: 'Acme', accent: '#4f46e5' },
  locales: ['en'],
  nonce: 'the-nonce',
};

const html = (page: Page, context: Partial<PageContext> = {}): string =>
  render(page, { ...CONTEXT, ...context }).html;

function sample(name: string): Page {
  const page = SAMPLES[name];
  if (!page) throw new Error(`no sample ${name}`);
  return page;
}

describe('pages: rendering', () => {
  it('draws every view, with and without an app', () => {
    for (const name of Object.values(SAMPLE_OF_VIEW)) {
      expect(html(sample(name))).to.contain('<h1');
      const { app: _app, ...bare } = CONTEXT;
      expect(render(sample(name), bare).html).to.contain('<h1');
    }
  });

  it('ML-73 escapes every value, in text, attributes, title and tab icon', () => {
    const hostileApp = { name: HOSTILE, accent: HOSTILE, logo: `data:image/png;base64,"${HOSTILE}` };
    for (const page of Object.values(SAMPLES)) {
      const document = html(hostile(page), { app: hostileApp, nonce: `"${HOSTILE}` });
      expect(document).not.to.contain('<a href=//evil');
      expect(document).not.to.contain('<script>alert');
      expect(document).not.to.contain('data:image/png;base64,"');
      expect(document).not.to.contain('nonce=""');
    }
  });

  it('ML-73 takes no colour for the style sheet but #rrggbb', () => {
    const document = html(sample('sign-in'), { app: { name: 'A', accent: '#fff}body{display:none' } });
    expect(document).not.to.contain('display:none');
    expect(document).to.contain('--accent: #4f46e5');
  });

  it('OA-49 keeps names apart from our words and strips direction marks', () => {
    const document = html({
      ...(sample('consent') as Extract<Page, { view: 'consent' }>),
      clientName: 'Goo\u202egle',
    });
    expect(document).to.contain('<bdi class="value">Google</bdi>');
    expect(document).to.contain('<bdi class="value">assistant.example</bdi>');
  });

  it('WB-03 has no inline script, handler or style attribute, and every script and style carries the nonce', () => {
    for (const page of Object.values(SAMPLES)) {
      const document = html(page);
      expect(document).not.to.match(/\son[a-z]+=|\sstyle=|javascript:/i);
      for (const [tag] of document.matchAll(/<(?:script|style)\b[^>]*>/g))
        expect(tag).to.contain('nonce="the-nonce"');
      for (const [, inside] of document.matchAll(/<script\b[^>]*>([^<]*)<\/script>/g))
        expect(inside).to.equal('');
    }
  });

  it('ML-01 loads nothing from another origin', () => {
    for (const page of Object.values(SAMPLES)) {
      for (const [, url] of html(page).matchAll(/<(?:link|script|img)\b[^>]*?(?:href|src)="([^"]*)"/g)) {
        expect(url).to.match(/^(?:\/public\/|data:)/);
      }
    }
  });

  it('WB-02 puts a CSRF token into every form of ours', () => {
    for (const page of Object.values(SAMPLES)) {
      if (page.view === 'form-post') continue;
      for (const [form] of html(page).matchAll(/<form\b.*?<\/form>/gs)) {
        expect(form).to.match(/name="(?:csrf" value="csrf-of-this-form|xsrf" value="x)"/);
      }
    }
  });

  it('ML-72 refuses to link to what a browser would run, and to other origins without a scheme', () => {
    for (const url of [
      'javascript:alert(1)',
      'JavaScript:x',
      'data:text/html,x',
      '//evil.example',
      '/\\evil.example',
      'x',
    ]) {
      expect(() => html({ view: 'go-on', status: 200, url, clientName: 'A' }), url).to.throw(/refusing/);
      expect(() => html({ view: 'logged-out', status: 200, wayOn: { url, clientName: 'A' } }), url).to.throw(
        /refusing/,
      );
    }
    expect(
      html({ view: 'go-on', status: 200, url: 'com.acme.app:/back?code=1', clientName: 'A' }),
    ).to.contain('com.acme.app:/back');
  });

  it('shows of a place to go only its host', () => {
    const document = html({
      view: 'go-on',
      status: 200,
      url: 'https://shop.example/cb?code=s',
      clientName: 'A',
    });
    expect(document).to.contain('<bdi class="value">shop.example</bdi>');
    expect(document.replace(/(?:href|content)="[^"]*"/g, '')).not.to.contain('code=s');
  });

  it('goes on without script where the tab may, and stays where the other window goes on', () => {
    const proved = sample('proved') as Extract<Page, { view: 'proved' }>;
    expect(html(proved)).to.contain('http-equiv="refresh"');
    expect(html({ ...proved, finishIn: 'link' })).to.contain('http-equiv="refresh"');
    expect(html({ ...proved, finishIn: 'waiting' })).not.to.contain('http-equiv="refresh"');
  });

  it('links a wrong code to its field and says how many tries are left', () => {
    const wrong = { ...checkMail, status: 400, error: 'wrong_code' } as const;
    expect(html({ ...wrong, triesLeft: 1 })).to.contain('1 try left.');
    const document = html({ ...wrong, triesLeft: 3 });
    expect(document).to.contain('3 tries left.');
    expect(document).to.contain('aria-describedby="code-error code-hint" aria-invalid="true"');
  });

  it('ML-15 says nothing of the address where anybody may look', () => {
    expect(html(sample('link-elsewhere'))).not.to.contain('ada@example.com');
  });

  it('has a text for every code and the general one for the rest, never the code itself', () => {
    expect(html(sample('error'))).to.contain('This sign-in has ended');
    expect(html(sample('error-unknown'))).to.contain('Something went wrong');
    expect(html(sample('error-unknown'))).not.to.contain('no_such_code');
    expect(html({ view: 'error', status: 500, code: 'constructor', reference: 'r' })).to.contain(
      'Something went wrong',
    );
  });

  /** Every string of a model replaced; what decides (kinds, errors, URLs) stays. */
  function hostile(page: Page): Page {
    const names = new Set([
      'email',
      'clientName',
      'appName',
      'device',
      'maskedEmail',
      'currentEmail',
      'newEmail',
      'clientHost',
      'csrf',
      'xsrf',
      'reference',
      'code',
      'value',
      'channel',
      'resumeUrl',
      'statusUrl',
    ]);
    const text = JSON.stringify(page, (key, value: unknown) => (names.has(key) ? HOSTILE : value));
    return JSON.parse(text) as Page; // same shape: only strings were replaced by strings
  }
});

describe('pages: colours', () => {
  const ratio = (one: string, other: string) =>
    contrast(parseColour(one) ?? [0, 0, 0], parseColour(other) ?? [0, 0, 0]);

  it('keeps text on and in any accent readable, light and dark', () => {
    const steps = ['00', '33', '66', '77', '99', 'cc', 'ff'];
    for (const accent of steps.flatMap((r) => steps.flatMap((g) => steps.map((b) => `#${r}${g}${b}`)))) {
      const theme = themeFor(accent);
      for (const scheme of ['light', 'dark'] as const) {
        const colours = theme[scheme];
        expect(ratio(colours.onAccent, colours.accent), `${accent} button`).to.be.at.least(4.5);
        expect(ratio(colours.onAccent, colours.hover), `${accent} hover`).to.be.at.least(4.5);
        for (const surface of Object.values(SURFACES[scheme])) {
          expect(ratio(colours.text, surface), `${accent} text on ${surface}`).to.be.at.least(4.5);
          expect(ratio(colours.edge, surface), `${accent} edge on ${surface}`).to.be.at.least(3);
        }
      }
    }
  });

  it('computes for the surfaces that the style sheet has', () => {
    const css = readFileSync(new URL('../../views/public/postern.css', import.meta.url), 'utf8');
    const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)');
    for (const [part, surfaces] of [
      [light, SURFACES.light],
      [dark, SURFACES.dark],
    ] as const) {
      expect(part).to.contain(`--page: ${surfaces.page};`);
      expect(part).to.contain(`--card: ${surfaces.card};`);
    }
  });

  it('uses logical properties only', () => {
    const css = readFileSync(new URL('../../views/public/postern.css', import.meta.url), 'utf8');
    expect(css).not.to.match(
      /(?:^|[\s{;])(?:left|right|(?:min-|max-)?(?:width|height)|margin-left|margin-right|padding-left|padding-right|margin-top|margin-bottom|padding-top|padding-bottom)\s*:/m,
    );
  });
});

describe('pages: static files', () => {
  it('finds what it named, and nothing else', () => {
    for (const name of assetNames()) {
      const asset = findAsset(assetUrl(name));
      expect(asset?.name).to.equal(name);
      expect(asset?.isCurrent).to.equal(true);
    }
    expect(findAsset('/public/AAAAAAAAAAAAAAAA/postern.css')?.isCurrent).to.equal(false);
    for (const path of [
      '/public/postern.css',
      '/public/AAAAAAAAAAAAAAAA/../layout.hbs',
      '/public/AAAAAAAAAAAAAAAA/x.css',
    ]) {
      expect(findAsset(path), path).to.equal(undefined);
    }
  });
});
