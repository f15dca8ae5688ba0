/** Every secret that a test saw go by, and the search for any of them in a log or a copy of the database. */
import type { Browser } from './relying-party.ts';

/** Shorter values are found by chance: `en`, `web`. Mail codes have 8 digits. */
const MIN_LENGTH = 8;

export class SecretBag {
  /** The secret and what it is. */
  readonly #secrets = new Map<string, string>();

  get size(): number {
    return this.#secrets.size;
  }

  /** How many of this kind are kept, so that a test can tell that it really looked for some. */
  count(kind: string): number {
    return [...this.#secrets.values()].filter((value) => value === kind).length;
  }

  add(kind: string, value: unknown): void {
    if (typeof value === 'string' && value.length >= MIN_LENGTH) this.#secrets.set(value, kind);
  }

  /** Values of all cookies that the browser holds now. */
  addCookies(browser: Browser): void {
    for (const { value } of browser.jar.all()) this.add('cookie', value);
  }

  /** What of it stands in the text, as `kind: value`. */
  foundIn(text: string): readonly string[] {
    const byStart = new Map<string, string[]>();
    // Tells for three characters whether any secret begins so: most places of a large database are passed by it.
    const isStart = new Uint8Array(1 << 16);
    for (const secret of this.#secrets.keys()) {
      const start = secret.slice(0, MIN_LENGTH);
      byStart.set(start, [...(byStart.get(start) ?? []), secret]);
      isStart[slotOf(secret, 0)] = 1;
    }
    const found = new Set<string>();
    for (let at = 0; at + MIN_LENGTH <= text.length; at++) {
      if (isStart[slotOf(text, at)] === 0) continue;
      for (const secret of byStart.get(text.slice(at, at + MIN_LENGTH)) ?? []) {
        if (text.startsWith(secret, at) && !isPartOfNumber(text, at, secret)) {
          found.add(`${this.#secrets.get(secret)}: ${secret}`);
        }
      }
    }
    return [...found];
  }
}

const slotOf = (text: string, at: number): number =>
  (text.charCodeAt(at) * 961 + text.charCodeAt(at + 1) * 31 + text.charCodeAt(at + 2)) & 0xffff;

/** Eight digits inside a time in milliseconds are no mail code. */
function isPartOfNumber(text: string, at: number, secret: string): boolean {
  if (!/^\d+$/.test(secret)) return false;
  return /\d/.test(text[at - 1] ?? '') || /\d/.test(text[at + secret.length] ?? '');
}
