/**
 * Looks at a finished mail as a mail program and a suspicious reader would: what is missing, what loads, what pretends, what
 * cannot be read. For previews, test mails and `postern doctor`; what must never be sent is refused earlier, by the cage.
 */
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import { BLACK, type Colour, contrast, parseColour, TEXT_CONTRAST, WHITE } from '../lib/contrast.ts';
import { isHidden } from './caged/style.ts';
import type { OutgoingMail } from './transport.ts';

export interface MailFinding {
  /** Fixed words, for scripts. */
  readonly rule: LintRule;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

const RULES = {
  'no-text': ['error', 'the text part is missing: some mailboxes show nothing, and filters count it'],
  'no-html': ['error', 'the HTML part is missing'],
  'no-subject': ['error', 'the subject is missing'],
  'long-subject': ['warning', 'the subject is longer than 78 characters; telephones show about 40'],
  'too-large': ['error', 'the HTML part is larger than 102 KB: Gmail cuts it off'],
  'no-lang': ['warning', '<html> says no language: screen readers guess how to speak it'],
  'no-dir': ['warning', '<html> says no direction'],
  'no-title': ['warning', 'there is no <title>: some mail programs show one to screen readers'],
  'other-host': ['error', 'a link shows another host than it leads to'],
  'http-link': ['error', 'a link is not https'],
  'link-missing': ['error', 'the text part lacks a link that the HTML part has'],
  'no-alt': ['warning', 'an image has no alt'],
  'tracking-pixel': ['error', 'an image is too small to be seen: it only tells who opened the mail'],
  'loads-image': ['warning', 'an image is loaded from elsewhere: it tells who opened the mail'],
  'loads-css': ['error', 'CSS loads something from elsewhere'],
  'active-content': ['error', 'there is a script, form or frame in it'],
  'low-contrast': ['warning', 'text can hardly be read on its background'],
} as const satisfies Readonly<Record<string, readonly [severity: MailFinding['severity'], message: string]>>;

export type LintRule = keyof typeof RULES;

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** Gmail shows "message clipped" behind 102 KB of HTML. */
const CLIPPED_AT = 102 * 1024;
const SUBJECT = 78;
const PIXEL = 3;
/** WCAG 2.2 §1.4.3: 24 px, or 18.66 px in bold. */
const LARGE = 24;
const LARGE_BOLD = 18.66;
const LARGE_CONTRAST = 3;

/**
 * @param logo URL of the one image that the configuration lets every mail load (ML-05)
 *
 * Worst first; nothing when all is well. Each rule is told once for each thing that breaks it.
 */
export function lintMail(
  { subject, text, html }: Pick<OutgoingMail, 'subject' | 'text' | 'html'>,
  logo?: string,
): MailFinding[] {
  const found = new Map<string, MailFinding>();
  const tell = (rule: LintRule, detail = ''): void => {
    const [severity, message] = RULES[rule];
    const shown = detail === '' ? message : `${message} (${detail})`;
    found.set(shown, { rule, severity, message: shown });
  };
  if (subject.trim() === '') tell('no-subject');
  if ([...subject].length > SUBJECT) tell('long-subject');
  if (text.trim() === '') tell('no-text');
  if (html.trim() === '') tell('no-html');
  else {
    if (Buffer.byteLength(html) > CLIPPED_AT)
      tell('too-large', `${Math.ceil(Buffer.byteLength(html) / 1024)} KB`);
    new Look(text, logo, tell).at(parse(html));
  }
  return [...found.values()].sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}

interface Paint {
  readonly colour: Colour;
  readonly background: Colour;
  /** px */
  readonly size: number;
  readonly isBold: boolean;
}

const PAPER: Paint = { colour: BLACK, background: WHITE, size: 16, isBold: false };

class Look {
  readonly #text: string;
  readonly #logo: string | undefined;
  readonly #tell: (rule: LintRule, detail?: string) => void;

  constructor(text: string, logo: string | undefined, tell: (rule: LintRule, detail?: string) => void) {
    this.#text = text;
    this.#logo = logo;
    this.#tell = tell;
  }

  at(document: DefaultTreeAdapterTypes.Document): void {
    const html = document.childNodes.find((node): node is Element => node.nodeName === 'html');
    const attributes = attributesOf(html);
    if (!attributes.get('lang')) this.#tell('no-lang');
    if (!attributes.get('dir')) this.#tell('no-dir');
    const titles = html ? elementsIn(html).filter(({ tagName }) => tagName === 'title') : [];
    if (textIn(titles).trim() === '') this.#tell('no-title');
    this.#children(document, PAPER);
  }

  #children(node: Node, paint: Paint): void {
    if (!('childNodes' in node)) return;
    for (const child of node.childNodes) {
      if (child.nodeName === '#text' && 'value' in child) this.#read(child.value, paint);
      else if ('tagName' in child) this.#element(child, paint);
    }
  }

  #element(element: Element, paint: Paint): void {
    const { tagName } = element;
    const attributes = attributesOf(element);
    const style = attributes.get('style') ?? '';
    if (/^(script|form|iframe|object|embed)$/.test(tagName)) this.#tell('active-content', tagName);
    if (/url\s*\(|@import/i.test(tagName === 'style' ? textIn([element]) : style)) this.#tell('loads-css');
    if (tagName === 'img') this.#image(attributes);
    if (tagName === 'a') this.#link(element, attributes.get('href') ?? '');
    if (tagName === 'head' || tagName === 'style' || isHidden(style)) return;
    this.#children(element, painted(paint, attributes, style));
  }

  #image(attributes: ReadonlyMap<string, string>): void {
    const src = attributes.get('src') ?? '';
    if (!attributes.has('alt')) this.#tell('no-alt', src.slice(0, 80));
    if (src !== this.#logo && /^(https?:)?\/\//i.test(src))
      this.#tell('loads-image', URL.parse(src, 'https://x')?.host);
    const sizes = ['width', 'height'].map((name) => Number.parseInt(attributes.get(name) ?? '', 10));
    if (sizes.some((size) => size < PIXEL)) this.#tell('tracking-pixel', src.slice(0, 80));
  }

  #link(element: Element, href: string): void {
    const url = URL.parse(href);
    if (!url || url.protocol === 'mailto:') return;
    // A server of one's own machine, in development, has no certificate.
    const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
    if (url.protocol !== 'https:' && !isLocal) this.#tell('http-link', url.origin);
    const shown = /(?:https?:\/\/|www\.)([^\s/?#<>"]+)/i.exec(textIn([element]))?.[1]?.toLowerCase();
    if (shown !== undefined && shown !== url.host && `www.${shown}` !== url.host) {
      this.#tell('other-host', `${shown} leads to ${url.host}`);
    }
    if (this.#text.trim() !== '' && !this.#text.includes(href)) this.#tell('link-missing', url.host);
  }

  #read(text: string, { colour, background, size, isBold }: Paint): void {
    if (text.trim() === '') return;
    const needed = size >= LARGE || (isBold && size >= LARGE_BOLD) ? LARGE_CONTRAST : TEXT_CONTRAST;
    const ratio = contrast(colour, background);
    if (ratio < needed) this.#tell('low-contrast', `${ratio.toFixed(1)}: ${text.trim().slice(0, 40)}`);
  }
}

/** As far as inline style says; sheets are for the mail programs that read them, and these draw the same in light. */
function painted(paint: Paint, attributes: ReadonlyMap<string, string>, style: string): Paint {
  const declared = (name: string): string | undefined =>
    new RegExp(`(?:^|;)\\s*${name}\\s*:\\s*([^;]+)`, 'i').exec(style)?.[1]?.trim();
  const background =
    declared('background-color') ?? declared('background')?.split(/\s/)[0] ?? attributes.get('bgcolor');
  const size = /^(\d+(?:\.\d+)?)px$/.exec(declared('font-size') ?? '')?.[1];
  const weight = declared('font-weight');
  return {
    colour: parseColour(declared('color') ?? attributes.get('color') ?? '') ?? paint.colour,
    background: parseColour(background ?? '') ?? paint.background,
    size: size === undefined ? paint.size : Number(size),
    isBold: weight === undefined ? paint.isBold : weight === 'bold' || Number(weight) >= 700,
  };
}

const attributesOf = (element: Element | undefined): ReadonlyMap<string, string> =>
  new Map(element?.attrs.map(({ name, value }) => [name, value]));

const elementsIn = (node: Element): Element[] =>
  node.childNodes.flatMap((child) => ('tagName' in child ? [child, ...elementsIn(child)] : []));

function textIn(nodes: readonly Node[]): string {
  return nodes
    .map((node) => ('value' in node ? node.value : 'childNodes' in node ? textIn(node.childNodes) : ''))
    .join('');
}
