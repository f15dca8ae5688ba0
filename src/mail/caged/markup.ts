/**
 * The cage, second wall: what the HTML of a template is, read as a browser reads it, with a marker where each value will
 * stand. Every marker has to be found in a place where its value, escaped, can only be text: between tags, or in a quoted
 * attribute made for it (ML-73, ML-74, ML-76). A marker that the parser lost or met anywhere else is refused.
 */
import { type DefaultTreeAdapterTypes, parse, serialize } from 'parse5';
import type { MailField, MailFields } from '../kinds.ts';
import type { Complain } from './finding.ts';
import {
  COLOUR_ATTRIBUTES,
  ELEMENT_MENDS,
  ELEMENTS,
  HARMLESS_ERRORS,
  isMetaAllowed,
  mayHave,
  TEXT_ATTRIBUTES,
  WORD_ATTRIBUTES,
} from './markup-rules.ts';
import { indexOfMarker, MARKER, markerOf, type Skeleton } from './skeleton.ts';
import { isHidden, styleFaults } from './style.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

export interface MarkupRules {
  /** All fields by name, in the order of their markers. */
  readonly fields: MailFields;
  /** Where images may come from. */
  readonly imageHosts: readonly string[];
}

export interface Shown {
  /** Fields that a reader sees. */
  readonly texts: ReadonlySet<string>;
  /** Fields of type link that can be pressed. */
  readonly links: ReadonlySet<string>;
}

const HTTPS = /^https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d+)?(?:[/?#][\x21-\x7e]*)?$/i;
const MAILTO = /^mailto:[a-z0-9._+-]+@[a-z0-9.-]+$/i;
/** Smaller than anybody can see: it only tells that the mail was opened. */
const PIXEL = 3;
const MAX_NESTING = 100;

export function checkMarkup(skeleton: Skeleton, rules: MarkupRules, complain: Complain): Shown {
  return new Markup(skeleton, rules, complain).check();
}

class Markup {
  readonly #skeleton: Skeleton;
  readonly #rules: MarkupRules;
  readonly #names: readonly string[];
  readonly #complain: Complain;
  readonly #texts = new Set<string>();
  readonly #links = new Set<string>();
  /** How often each field was met where its value can only be text, or was complained of. */
  readonly #found = new Map<string, number>();

  constructor(skeleton: Skeleton, rules: MarkupRules, complain: Complain) {
    this.#skeleton = skeleton;
    this.#rules = rules;
    this.#names = Object.keys(rules.fields);
    this.#complain = complain;
  }

  check(): Shown {
    const { text } = this.#skeleton;
    const tree = parse(text, {
      sourceCodeLocationInfo: true,
      onParseError: ({ code, startOffset }) => {
        if (HARMLESS_ERRORS.has(code)) return;
        this.#refuse(
          startOffset,
          `the HTML is broken here (${code})`,
          'close what is open, quote what is a value',
        );
      },
    });
    for (const child of tree.childNodes) this.#node(child, false, 0);
    this.#lost(text);
    // What changes when it is written out and read again can become something else on its way (mutation XSS).
    const written = serialize(tree);
    if (serialize(parse(written)) !== written) {
      this.#refuse(
        0,
        'elements lie in each other in a way that programs mend differently',
        'close what is open',
      );
    }
    return { texts: this.#texts, links: this.#links };
  }

  #node(node: Node, isUnseen: boolean, depth: number): void {
    const at = node.sourceCodeLocation?.startOffset ?? 0;
    if (depth > MAX_NESTING) this.#refuse(at, 'elements too deep in each other', 'use fewer tables');
    else if ('tagName' in node) this.#element(node, isUnseen, depth);
    else if (node.nodeName === '#text' && 'value' in node) this.#text(node.value, isUnseen);
    else if (node.nodeName === '#comment' && 'data' in node) this.#comment(node.data, at);
    else if (node.nodeName === '#documentType' && 'name' in node && node.name !== 'html') {
      this.#refuse(at, 'a doctype of something else', 'write <!doctype html>');
    }
  }

  #element(element: Element, isUnseen: boolean, depth: number): void {
    const { tagName, attrs, childNodes, sourceCodeLocation: place } = element;
    const at = place?.startOffset ?? 0;
    if (!ELEMENTS.has(tagName) || element.namespaceURI !== 'http://www.w3.org/1999/xhtml') {
      const name = tagName.replace(MARKER, '{{…}}');
      this.#refuse(at, `<${name}> is not for mails`, ELEMENT_MENDS[name] ?? 'use another element');
      return;
    }
    const attributes = new Map(attrs.map(({ name, value }) => [name, value]));
    for (const [name, value] of attributes) {
      this.#attribute(element, name, value, place?.attrs?.[name]?.startOffset ?? at);
    }
    if (tagName === 'meta' && !isMetaAllowed(attributes)) {
      this.#refuse(
        at,
        'this <meta> is not for mails',
        'only charset, viewport, color-scheme and format-detection are',
      );
    }
    if (tagName === 'img') this.#image(attributes, at);
    const isHere = isUnseen || isHidden(attributes.get('style') ?? '');
    const href = attributes.get('href');
    if (tagName === 'a' && href !== undefined && !isHere) this.#pressed(href);
    if (tagName === 'style') this.#styleSheet(childNodes, at);
    else for (const child of childNodes) this.#node(child, isHere || tagName === 'head', depth + 1);
  }

  #pressed(href: string): void {
    const [name] = this.#fieldsIn(href);
    if (name !== undefined) this.#links.add(name);
  }

  #attribute(element: Element, name: string, value: string, at: number): void {
    const { tagName } = element;
    if (/^on/.test(name)) {
      this.#refuse(at, `${name} runs a script`, 'take it out');
      return;
    }
    if (!mayHave(tagName, name)) {
      const shown = name.replace(MARKER, '{{…}}');
      this.#refuse(at, `${shown} on <${tagName}> is not for mails`, 'take it out');
      return;
    }
    const found = this.#fieldsIn(value);
    this.#count(found);
    if (found.length > 0) this.#valueAt(element, name, value, found, at);
    if (name === 'href' && found.length === 0 && !HTTPS.test(value) && !MAILTO.test(value)) {
      this.#refuse(at, 'href leads nowhere allowed', 'write {{link}}, an https:// address or mailto:');
    }
    if (name === 'style') for (const { reason, mend } of styleFaults(value)) this.#refuse(at, reason, mend);
  }

  #valueAt(element: Element, name: string, value: string, found: readonly string[], at: number): void {
    const end = element.sourceCodeLocation?.attrs?.[name]?.endOffset ?? 0;
    if (!/["']/.test(this.#skeleton.text[end - 1] ?? '')) {
      this.#refuse(at, `a field in ${name} without quotes`, `write ${name}="…"`);
    }
    for (const field of found) {
      const { type } = this.#field(field);
      if (name === 'href' && (type !== 'link' || value.replace(MARKER, '') !== '' || found.length > 1)) {
        this.#refuse(at, 'href holds more or other than a link', 'write exactly href="{{link}}"');
      } else if (
        name === 'src' &&
        type === 'image' &&
        (value.replace(MARKER, '') !== '' || found.length > 1)
      ) {
        this.#refuse(at, 'src holds more than the logo', `write exactly src="{{${field}}}"`);
      } else if (!isAllowedIn(name, type)) {
        this.#refuse(
          at,
          `{{${field}}} in ${name}`,
          'fields stand between tags, links in href, colours in style',
        );
      }
    }
  }

  #image(attributes: ReadonlyMap<string, string>, at: number): void {
    const src = attributes.get('src') ?? '';
    if (src === '') {
      this.#refuse(at, 'an image without an address', 'where it is {{logo}}, put it into {{#if logo}}');
      return;
    }
    const [field] = this.#fieldsIn(src);
    const isField = field !== undefined && this.#field(field).type === 'image';
    const host = HTTPS.test(src) ? new URL(src).host.toLowerCase() : undefined;
    if (!isField && (host === undefined || !this.#rules.imageHosts.includes(host))) {
      this.#refuse(
        at,
        'an image from elsewhere tells who opened the mail',
        'name its host in mail.image_hosts, or take it out',
      );
    }
    const sizes = [attributes.get('width'), attributes.get('height')];
    if (
      sizes.some((size) => size !== undefined && Number.parseInt(size, 10) < PIXEL) ||
      isHidden(attributes.get('style') ?? '')
    ) {
      this.#refuse(at, 'an image that nobody can see', 'take it out: mails of sign-in are not counted');
    }
    if (attributes.get('alt') === undefined) {
      this.#complain(this.#skeleton.placeOf(at), 'an image without alt', 'say what it shows', 'warning');
    }
  }

  #styleSheet(children: readonly Node[], at: number): void {
    for (const child of children) {
      const css = 'value' in child && typeof child.value === 'string' ? child.value : '';
      const start = child.sourceCodeLocation?.startOffset ?? at;
      for (const { offset, reason, mend } of styleFaults(css)) this.#refuse(start + offset, reason, mend);
      if (this.#fieldsIn(css).length > 0)
        this.#refuse(start, 'a field in <style>', 'write it into style="…"');
      this.#count(this.#fieldsIn(css));
    }
  }

  #text(value: string, isUnseen: boolean): void {
    for (const field of this.#fieldsIn(value)) {
      this.#count([field]);
      if (this.#field(field).type === 'image') {
        const offset = this.#skeleton.text.indexOf(markerOf(this.#names.indexOf(field)));
        this.#refuse(offset, `{{${field}}} as text`, `write <img src="{{${field}}}">`);
      }
      if (!isUnseen) this.#texts.add(field);
    }
  }

  /** Comments are code to Outlook. Those that it needs for a width are let through, with tables in them and nothing else. */
  #comment(data: string, at: number): void {
    if (/^\[if !mso\]><!$|^<!\[endif\]$/.test(data)) return;
    const inner = /^\[if (?:mso|gte mso 9|\(gte mso 9\)\|\(IE\)|mso \| IE)\]>([\s\S]*)<!\[endif\]$/.exec(
      data,
    )?.[1];
    if (inner === undefined) {
      this.#refuse(at, 'a comment, which is code to some mail programs', 'write it as {{! … }}');
      return;
    }
    const rest = inner.replace(
      /<\/?(table|tr|td|tbody|center|br|p)((?:\s+[a-z]+="[^"<>]*")*)\s*\/?>/g,
      (_tag, element: string, attributes: string) => {
        const isFit = [...attributes.matchAll(/([a-z]+)="([^"]*)"/g)].every(
          ([, name = '', value = '']) => mayHave(element, name) && styleFaults(value).length === 0,
        );
        return isFit ? '' : 'x';
      },
    );
    if (rest.trim() !== '') {
      this.#refuse(
        at,
        'more than a table in a comment for Outlook',
        'leave table, tr and td in it, with plain attributes',
      );
    }
  }

  /** Parsers drop tags that they have no place for, and what stands in them. */
  #lost(text: string): void {
    const written = this.#fieldsIn(text);
    const name = written.find(
      (field) => written.filter((other) => other === field).length !== this.#found.get(field),
    );
    if (name === undefined) return;
    const offset = text.indexOf(markerOf(this.#names.indexOf(name)));
    const reason = `{{${name}}} stands where the HTML loses it`;
    this.#refuse(offset, reason, 'put fields between tags or in quoted attributes');
  }

  #count(fields: readonly string[]): void {
    for (const field of fields) this.#found.set(field, (this.#found.get(field) ?? 0) + 1);
  }

  #fieldsIn(text: string): string[] {
    return [...text.matchAll(MARKER)].map(
      ([, character = '']) => this.#names[indexOfMarker(character)] ?? '',
    );
  }

  #field(name: string): MailField {
    const field = this.#rules.fields[name];
    if (!field) throw new Error(`no field ${name}`);
    return field;
  }

  #refuse(offset: number, reason: string, mend: string): void {
    this.#complain(this.#skeleton.placeOf(offset), reason, mend);
  }
}

function isAllowedIn(attribute: string, type: MailField['type']): boolean {
  if (attribute === 'href') return type === 'link';
  if (attribute === 'src' || type === 'image') return attribute === 'src' && type === 'image';
  if (type === 'colour') return COLOUR_ATTRIBUTES.has(attribute);
  if (type === 'word') return WORD_ATTRIBUTES.has(attribute);
  return type !== 'link' && TEXT_ATTRIBUTES.has(attribute);
}
