/** A Postern process with one app, started as a user would start it, and its caught mail. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, Running } from './processes.ts';

export interface Mail {
  readonly code: string;
  readonly link: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIL_AFTER_MS = 20_000;

export class Postern {
  readonly issuer: string;
  readonly #baseUrl: string;
  readonly #folder: string;
  readonly #process: Running;

  private constructor(baseUrl: string, folder: string, running: Running) {
    this.#baseUrl = baseUrl;
    this.issuer = `${baseUrl}/shop`;
    this.#folder = folder;
    this.#process = running;
  }

  /** @param app clients and resources of the app `shop`, as they stand in a configuration file */
  static async start(app: { readonly clients: object; readonly resources?: object }): Promise<Postern> {
    const folder = await mkdtemp(join(tmpdir(), 'postern-examples-'));
    const port = await freePort();
    const baseUrl = `http://localhost:${port}`;
    // JSON is YAML.
    await writeFile(
      join(folder, 'postern.yaml'),
      JSON.stringify({ apps: { shop: { name: 'Shop', ...app } } }),
    );
    const running = new Running({
      program: process.execPath,
      arguments: ['src/main.ts'],
      folder: ROOT,
      environment: {
        PORT: String(port),
        BASE_URL: baseUrl,
        CONFIG: join(folder, 'postern.yaml'),
        STORE_URL: `sqlite:${join(folder, 'postern.db')}`,
        SECRET_KEY: randomBytes(32).toString('base64'),
        LOG_LEVEL: 'warn',
        NODE_ENV: 'development',
      },
    });
    const postern = new Postern(baseUrl, folder, running);
    try {
      await running.ready(`${baseUrl}/health/ready`);
    } catch (error) {
      await postern.stop();
      throw error;
    }
    return postern;
  }

  /** What the process printed last. */
  get output(): string {
    return this.#process.output;
  }

  /** Link and code of the newest mail to this address; waits for it. */
  async mailTo(address: string): Promise<Mail> {
    const deadline = Date.now() + MAIL_AFTER_MS;
    const api = `${this.#baseUrl}/dev/inbox/api/v1`;
    while (Date.now() < deadline) {
      const found = await json(`${api}/search?query=${encodeURIComponent(`to:${address}`)}`);
      const id = /"ID":"([^"]+)"/.exec(found)?.[1];
      if (id !== undefined) return readMail(await json(`${api}/message/${id}`), this.issuer);
      await wait(100);
    }
    throw new Error(`no mail to ${address} came`);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function json(url: string): Promise<string> {
  return JSON.stringify(await (await fetch(url)).json());
}

function readMail(message: string, issuer: string): Mail {
  const parsed: unknown = JSON.parse(message);
  const text = String(Object(parsed).Text);
  const code = /\b(\d{4}) ?(\d{4})\b/.exec(text)?.slice(1).join('');
  const link = text.split(/\s+/).find((word) => word.startsWith(`${issuer}/link/`));
  if (code === undefined || link === undefined) throw new Error(`neither link nor code in:\n${text}`);
  return { code, link };
}
