/** Which elements and attributes a mail may hold. What is not named here is refused: mail programs drop most of it anyway. */

export const ELEMENTS: ReadonlySet<string> = new Set(
  (
    'html head meta title style body div span p h1 h2 h3 h4 h5 h6 a img table thead tbody tfoot tr td th ' +
    'br hr b strong i em u s small sub sup ul ol li center font blockquote pre code'
  ).split(' '),
);

/** Why the most wanted of the others are not there. */
export const ELEMENT_MENDS: Readonly<Record<string, string>> = {
  script: 'no mail program runs it; take it out',
  form: 'ask on a page, to which {{link}} leads',
  input: 'ask on a page, to which {{link}} leads',
  button: 'make it a link: <a href="{{link}}">',
  iframe: 'take it out',
  base: 'write every address in full',
  link: 'write the CSS into <style> or style="…"',
  svg: 'use an <img> from one of mail.image_hosts',
  math: 'write it as text',
  template: 'take it out',
  object: 'take it out',
  video: 'use an <img> from one of mail.image_hosts',
};

const EVERYWHERE = 'class style dir lang title role align valign width height bgcolor color';
const BY_ELEMENT: Readonly<Record<string, string>> = {
  html: 'xmlns xmlns:v xmlns:o',
  meta: 'charset name content http-equiv',
  a: 'href target rel clicktracking ses:no-track',
  img: 'src alt border',
  table: 'border cellpadding cellspacing summary',
  td: 'colspan rowspan nowrap',
  th: 'colspan rowspan nowrap scope',
  font: 'face size',
  ol: 'start type',
};

const everywhere: ReadonlySet<string> = new Set(EVERYWHERE.split(' '));
const byElement = new Map(
  Object.entries(BY_ELEMENT).map(([element, names]) => [element, new Set(names.split(' '))]),
);

export const mayHave = (element: string, attribute: string): boolean =>
  everywhere.has(attribute) ||
  /^aria-[a-z]+$/.test(attribute) ||
  byElement.get(element)?.has(attribute) === true;

const META_NAMES = new Set([
  'viewport',
  'color-scheme',
  'supported-color-schemes',
  'format-detection',
  'x-apple-disable-message-reformatting',
]);

/** No `refresh`, which leads away, and nothing that says who may see the mail. */
export function isMetaAllowed(attributes: ReadonlyMap<string, string>): boolean {
  const equiv = attributes.get('http-equiv')?.toLowerCase();
  if (equiv !== undefined) return equiv === 'content-type' || equiv === 'x-ua-compatible';
  const name = attributes.get('name');
  return name === undefined ? attributes.has('charset') : META_NAMES.has(name.toLowerCase());
}

/** Errors of HTML that every parser reads alike; any other is refused, because two readers may see two mails in it. */
export const HARMLESS_ERRORS: ReadonlySet<string> = new Set([
  'missing-doctype',
  'non-conforming-doctype',
  'control-character-reference',
  'non-void-html-element-start-tag-with-trailing-solidus',
  'unknown-named-character-reference',
]);

/** Where a value that is one of a few fixed words (`dir`, `lang`, `start`) may stand beside text. */
export const WORD_ATTRIBUTES: ReadonlySet<string> = new Set(['lang', 'dir', 'align']);
export const COLOUR_ATTRIBUTES: ReadonlySet<string> = new Set(['style', 'bgcolor', 'color']);
export const TEXT_ATTRIBUTES: ReadonlySet<string> = new Set(['alt', 'title', 'aria-label']);
