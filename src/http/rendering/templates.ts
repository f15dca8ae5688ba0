/**
 * The Handlebars side of rendering: views are compiled for a language on its first use and kept, texts without values
 * already in place. Strict (a missing field is a fault, not an empty string), only the helpers named here, every value
 * escaped (ML-73). Text comes by key only.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type Handlebars from 'handlebars';
import { isolatedTextOf, type Locale, type TextPart, type TextValues } from '../../core/texts.ts';
import { assetUrl } from '../assets.ts';
import { type TextKey, translate, translateParts } from '../locales.ts';

/** Loaded when the first page is drawn: it is a tenth of the time until we listen. */
const require = createRequire(import.meta.url);

const FOLDER = fileURLToPath(new URL('../../../views/', import.meta.url));
const COMPILE_OPTIONS = {
  strict: true,
  knownHelpersOnly: true,
  knownHelpers: { t: true, rich: true, asset: true },
  explicitPartialContext: false,
} as const;

type Layout = (model: object) => string;

/** Apps with words of their own have layouts of their own: the oldest gives way. */
const layouts = new Map<Locale, Layout>();
const MAX_LAYOUTS = 500;

const methodViews = new Set([`${FOLDER}methods/`]);

/** Of a method that is not of the house; `folder` ends with a slash. What was compiled before does not know them. */
export function addMethodViews(folder: string): void {
  methodViews.add(folder);
  layouts.clear();
}

/** The whole document of a model that says in `view` which view stands inside the layout. */
export function renderLayout(model: object, locale: Locale): string {
  const known = layouts.get(locale);
  if (known) return known(model);
  const made = compileLayout(locale);
  const [oldest] = layouts.keys();
  if (layouts.size >= MAX_LAYOUTS && oldest) layouts.delete(oldest);
  layouts.set(locale, made);
  return made(model);
}

function compileLayout(locale: Locale): Layout {
  // `require` tells no types; this is that package.
  const engine = (require('handlebars') as typeof Handlebars).create();
  const escaped = (text: string): string => engine.escapeExpression(text);
  engine.registerHelper('t', (key: TextKey, options: Handlebars.HelperOptions) =>
    isolatedTextOf(locale, key, valuesOf(options)),
  );
  engine.registerHelper(
    'rich',
    (key: TextKey, options: Handlebars.HelperOptions) =>
      new engine.SafeString(rich(translateParts(locale, key, valuesOf(options)), escaped)),
  );
  engine.registerHelper('asset', (name: string) => assetUrl(name));
  const readView = (path: string): string =>
    withFixedTexts(readFileSync(path, 'utf8'), (key) => escaped(translate(locale, key)));
  const read = (file: string): string => readView(`${FOLDER}${file}`);
  for (const file of readdirSync(`${FOLDER}partials/`)) {
    if (file.endsWith('.hbs')) engine.registerPartial(file.slice(0, -4), read(`partials/${file}`));
  }
  // Registered as text: Handlebars compiles a partial when it is first drawn.
  for (const file of readdirSync(FOLDER)) {
    if (file.endsWith('.hbs') && file !== 'layout.hbs') {
      engine.registerPartial(`view-${file.slice(0, -4)}`, read(file));
    }
  }
  for (const folder of methodViews) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const name = file.replaceAll('\\', '/');
      if (name.endsWith('.hbs'))
        engine.registerPartial(`methods/${name.slice(0, -4)}`, readView(`${folder}${name}`));
    }
  }
  return engine.compile(read('layout.hbs'), COMPILE_OPTIONS);
}

/** Most texts of a page have no values: asking for each on every page was half the time of drawing it. */
function withFixedTexts(view: string, textOf: (key: TextKey) => string): string {
  return view.replace(/\{\{t "([a-z0-9_.]+)"\}\}/g, (_, key: string) =>
    // A key that is none throws; a brace in a translation is no template.
    textOf(key as TextKey).replaceAll('{', '&#x7B;'),
  );
}

/**
 * `{{rich "key" name=value}}`: each value in a `<bdi>` of its own, so that it stands out and an address or a client name
 * with direction marks cannot rearrange the words around it (OA-49). Not for attributes. `{{t "key" name=value}}` is the
 * same as plain text, which Handlebars escapes as a whole; also right inside attributes.
 */
const rich = (parts: readonly TextPart[], escaped: (text: string) => string): string =>
  parts
    .map(({ text, isValue }) => (isValue ? `<bdi class="value">${escaped(text)}</bdi>` : escaped(text)))
    .join('');

// Untyped in Handlebars: a hash comes from our own views alone.
const valuesOf = (options: Handlebars.HelperOptions): TextValues => options.hash as TextValues;
