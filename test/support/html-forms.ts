/** What a browser without script can do with a page: its forms, its links and where it goes by itself. */
import { Parser } from 'htmlparser2';

export interface Field {
  readonly name: string;
  readonly type: string;
  /** What would be sent if nobody touched it. */
  readonly value: string;
  /** Sent without being asked for: not an unticked box, not a button, not disabled. */
  readonly isSent: boolean;
}

export interface Form {
  readonly id: string;
  /** Absolute. */
  readonly action: string;
  readonly method: 'GET' | 'POST';
  readonly fields: readonly Field[];
}

export interface Link {
  readonly url: string;
  readonly text: string;
}

export interface PageParts {
  readonly title: string;
  readonly text: string;
  readonly forms: readonly Form[];
  readonly links: readonly Link[];
  /** Of `<meta http-equiv=refresh>`, whether inside `<noscript>` or not; delay in seconds. */
  readonly refresh: { readonly delay: number; readonly url: string } | undefined;
}

interface OpenForm {
  id: string;
  action: string;
  method: 'GET' | 'POST';
  fields: Field[];
}

const SILENT = new Set(['script', 'style', 'template', 'head', 'title']);
const BUTTONS = new Set(['submit', 'button', 'image', 'reset']);

/** @param base URL of the page: relative addresses are resolved against it */
export function readPage(html: string, base: string): PageParts {
  const reader = new PageReader(base);
  const parser = new Parser(reader, { decodeEntities: true, lowerCaseTags: true });
  parser.write(html);
  parser.end();
  return reader.parts();
}

/** The forms of a page, in order. */
export const readForms = (html: string, base: string): readonly Form[] => readPage(html, base).forms;

class PageReader {
  readonly #base: string;
  readonly #forms: OpenForm[] = [];
  readonly #links: { url: string; text: string }[] = [];
  readonly #open: string[] = [];
  #form: OpenForm | undefined;
  #link: { url: string; text: string } | undefined;
  #title = '';
  #text = '';
  #refresh: PageParts['refresh'];

  constructor(base: string) {
    this.#base = base;
  }

  parts(): PageParts {
    return {
      title: this.#title.trim(),
      text: this.#text.replace(/\s+/g, ' ').trim(),
      forms: this.#forms,
      links: this.#links,
      refresh: this.#refresh,
    };
  }

  onopentag(tag: string, attributes: Record<string, string>): void {
    this.#open.push(tag);
    if (tag === 'form') this.#openForm(attributes);
    else if (tag === 'a' && attributes.href !== undefined) {
      this.#link = { url: this.#absolute(attributes.href), text: '' };
      this.#links.push(this.#link);
    } else if (tag === 'meta' && attributes['http-equiv']?.toLowerCase() === 'refresh') {
      this.#readRefresh(attributes.content ?? '');
    } else if (tag === 'input' || tag === 'button' || tag === 'textarea' || tag === 'select') {
      this.#readField(tag, attributes);
    }
  }

  ontext(text: string): void {
    if (this.#open.at(-1) === 'title') this.#title += text;
    if (this.#open.some((tag) => SILENT.has(tag))) return;
    this.#text += text;
    if (this.#link) this.#link.text += text;
  }

  onclosetag(tag: string): void {
    const at = this.#open.lastIndexOf(tag);
    if (at >= 0) this.#open.splice(at);
    if (tag === 'form') this.#form = undefined;
    if (tag === 'a') this.#link = undefined;
    this.#text += ' ';
  }

  #openForm(attributes: Record<string, string>): void {
    this.#form = {
      id: attributes.id ?? '',
      action: this.#absolute(attributes.action ?? ''),
      method: attributes.method?.toUpperCase() === 'POST' ? 'POST' : 'GET',
      fields: [],
    };
    this.#forms.push(this.#form);
  }

  #readField(tag: string, attributes: Record<string, string>): void {
    const owner =
      attributes.form === undefined ? this.#form : this.#forms.find(({ id }) => id === attributes.form);
    const name = attributes.name;
    if (!owner || name === undefined || name === '') return;
    const type = (
      attributes.type ?? (tag === 'button' ? 'submit' : tag === 'input' ? 'text' : tag)
    ).toLowerCase();
    const isTickable = type === 'checkbox' || type === 'radio';
    const isSent =
      !BUTTONS.has(type) &&
      attributes.disabled === undefined &&
      (!isTickable || attributes.checked !== undefined);
    owner.fields.push({ name, type, value: attributes.value ?? (isTickable ? 'on' : ''), isSent });
  }

  #readRefresh(content: string): void {
    const [, delay, url] = /^\s*([\d.]+)\s*[;,]\s*url\s*=\s*['"]?(.*?)['"]?\s*$/i.exec(content) ?? [];
    if (url !== undefined) this.#refresh ??= { delay: Number(delay), url: this.#absolute(url) };
  }

  #absolute(address: string): string {
    return URL.canParse(address, this.#base) ? new URL(address, this.#base).href : address;
  }
}
