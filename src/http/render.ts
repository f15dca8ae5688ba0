/**
 * HTML of every page that people see. Owns language, colours and layout; what a page says is decided by the handler
 * (`core/page.ts`), how it looks by `views/`. Sends nothing and sets no header.
 */
import type { Page, PageContext, ViewName } from '../core/page.ts';
import { languageTag } from '../core/texts.ts';
import { pageTexts } from './locales.ts';
import { renderLayout } from './rendering/templates.ts';
import { DEFAULT_ACCENT, type Theme, themeFor } from './rendering/theme.ts';
import { viewModel } from './rendering/view-model.ts';

interface Script {
  readonly name: string;
  /** Runs before the page is complete: what takes the secret out of the address bar cannot wait (ML-04). */
  readonly isEarly: boolean;
}

/** A landing page may turn out to be any of the views with `strip-fragment.js`; none may keep the fragment. */
const SCRIPTS: Partial<Readonly<Record<ViewName, readonly Script[]>>> = {
  'check-mail': [{ name: 'check-mail.js', isEarly: false }],
  'link-here': [{ name: 'link-here.js', isEarly: true }],
  'link-elsewhere': [
    { name: 'strip-fragment.js', isEarly: true },
    { name: 'local-time.js', isEarly: false },
  ],
  'link-gone': [{ name: 'strip-fragment.js', isEarly: true }],
  finished: [{ name: 'strip-fragment.js', isEarly: true }],
  // Never `strip-fragment.js`: the secret of a link must survive until the page it belongs to can be shown.
  unavailable: [{ name: 'try-again.js', isEarly: false }],
  error: [{ name: 'strip-fragment.js', isEarly: true }],
  proved: [{ name: 'proved.js', isEarly: false }],
  'go-on': [{ name: 'go-on.js', isEarly: false }],
  'form-post': [{ name: 'form-post.js', isEarly: false }],
};

/**
 * Throws only when a view, a text or a value is missing, or a URL would run as script: faults of ours, all of them.
 */
export function render(page: Page, context: PageContext): { html: string; lang: string } {
  const locale = pageTexts.negotiate(context.locales, {
    ...context.languages,
    pseudo: context.pseudoLocales ?? false,
  });
  const theme = themeFor(context.app?.accent ?? DEFAULT_ACCENT);
  const model = {
    ...viewModel(page, locale),
    viewPartial: page.view === 'method' ? `methods/${page.page}` : `view-${page.view}`,
    lang: languageTag(locale),
    dir: locale.dir,
    nonce: context.nonce,
    app: appOf(context),
    theme,
    icon: iconOf(context, theme),
    scripts: scriptsOf(page),
    refreshTo: refreshOf(page),
    reloads: page.view === 'unavailable' && page.retry === 'reload',
  };
  return { html: renderLayout(withMark(model), locale), lang: model.lang };
}

function scriptsOf(page: Page): readonly Script[] {
  const own =
    page.view === 'method'
      ? (page.scripts ?? [])
      : page.view === 'sign-in'
        ? page.entries.flatMap(({ scripts = [] }) => scripts)
        : [];
  return [...(SCRIPTS[page.view] ?? []), ...[...new Set(own)].map((name) => ({ name, isEarly: false }))];
}

/** Draws pages that nobody sees, so that the first visitor does not wait for the template library. */
export function warmUpPages(locales: Iterable<string>): void {
  for (const locale of locales) {
    const page = { view: 'error', status: 404, code: 'not_found', reference: '' } as const;
    render(page, { locales: [locale], nonce: '' });
  }
}

function appOf(context: PageContext) {
  if (!context.app) return null;
  const { name, logo, support } = context.app;
  return { name, logo: logo ?? null, support: support ?? null, monogram: monogramOf(name) };
}

const withMark = <Model extends { mark: string | null }>(model: Model) => ({
  ...model,
  markPartial: model.mark === null ? null : `icon-${model.mark}`,
});

/** Where a browser without script is sent. `waiting` keeps the person here: the other window goes on. */
function refreshOf(page: Page): string | null {
  if (page.view === 'go-on') return page.url;
  return page.view === 'proved' && page.finishIn !== 'waiting' ? page.resumeUrl : null;
}

/** First letter or digit of a name, as one character that a person would see as one. */
function monogramOf(name: string): string {
  const letter = /[\p{L}\p{N}]\p{M}*/u.exec(name)?.[0] ?? name;
  return letter.toLocaleUpperCase('en').slice(0, 4);
}

/** Tab icon without a request: the app's logo, or its monogram on its colour. */
function iconOf(context: PageContext, theme: Theme): string {
  if (context.app?.logo) return context.app.logo;
  const { accent, onAccent } = theme.light;
  const letter = context.app ? monogramOf(context.app.name) : 'P';
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${accent}"/>` +
    `<text x="16" y="22" font-family="sans-serif" font-size="18" font-weight="600" text-anchor="middle" fill="${onAccent}">` +
    `${letter.replace(/[<>&]/g, '')}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
