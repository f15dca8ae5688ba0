/** A person with a browser: keeps cookies, follows what an answer says, and insists that every answer is as it should be. */
import type { Answer, Connection } from './connection.ts';

interface Cookie {
  readonly value: string;
  readonly path: string;
}

/** What a browser sends with every request; the same to everybody. */
const BROWSER_HEADERS =
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0\r\n' +
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n' +
  'Accept-Language: en-GB,en;q=0.9,de;q=0.7\r\nX-Forwarded-Proto: https\r\n';

export class Person {
  readonly #connection: Connection;
  readonly #origin: string;
  readonly #host: string;
  readonly #cookies = new Map<string, Cookie>();

  constructor(connection: Connection, origin: string) {
    this.#connection = connection;
    this.#origin = origin;
    this.#host = origin.slice('https://'.length);
  }

  get(target: string, status: number): Promise<Answer> {
    return this.#send('GET', target, status);
  }

  post(target: string, fields: Readonly<Record<string, string>>, status: number): Promise<Answer> {
    return this.#send('POST', target, status, new URLSearchParams(fields).toString());
  }

  async #send(method: string, target: string, status: number, body?: string): Promise<Answer> {
    const path = target.startsWith(this.#origin) ? target.slice(this.#origin.length) : target;
    const cookies = this.#cookiesFor(path);
    const head =
      `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${BROWSER_HEADERS}` +
      (cookies === '' ? '' : `Cookie: ${cookies}\r\n`) +
      (body === undefined
        ? ''
        : `Origin: ${this.#origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n`);
    const answer = await this.#connection.request(head, body);
    if (answer.status !== status) {
      throw new Error(
        `${method} ${path}: ${answer.status} instead of ${status}\n${answer.body.slice(0, 1500)}`,
      );
    }
    for (const line of answer.setCookies) this.#keep(line);
    return answer;
  }

  #cookiesFor(target: string): string {
    const path = target.split('?', 1)[0] ?? '';
    return [...this.#cookies]
      .filter(([, cookie]) => path === cookie.path || path.startsWith(cookie.path.replace(/\/?$/, '/')))
      .map(([name, cookie]) => `${name}=${cookie.value}`)
      .join('; ');
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(/; */);
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    const value = pair.slice(at + 1);
    const path = attributes.find((attribute) => attribute.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
    const isTakenBack =
      value === '' || attributes.some((attribute) => /^expires=Thu, 01 Jan 1970/i.test(attribute));
    if (isTakenBack) this.#cookies.delete(name);
    else this.#cookies.set(name, { value, path });
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  lt: '<',
  gt: '>',
  '#x3D': '=',
  '#x27': "'",
  '#39': "'",
};

const decoded = (text: string): string =>
  text.replace(/&(amp|quot|lt|gt|#x3D|#x27|#39);/g, (_, name: string) => ENTITIES[name] ?? '');

/** First group of the pattern in a page, entities read. Throws when the page lacks it. */
export function found(page: Answer, pattern: RegExp): string {
  const match = pattern.exec(page.body)?.[1];
  if (match === undefined) throw new Error(`no ${pattern} in\n${page.body.slice(0, 3000)}`);
  return decoded(match);
}

export function locationOf(answer: Answer): string {
  if (answer.location === undefined) throw new Error('a redirect without Location');
  return answer.location;
}
