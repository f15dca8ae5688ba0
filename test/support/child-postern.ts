/** A Postern in a process of its own, which a test may kill at any moment and start again on the same store. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { APPS, type MailParts } from './harness.ts';
import { RelyingParty } from './relying-party.ts';
import { code, links, type ReceivedMail } from './smtp-sink.ts';

/** The configuration file refuses plain http anywhere but on this machine. */
export const CHILD_CALLBACK = 'https://client.test/callback';
export const CHILD_APPS: Readonly<Record<string, object>> = JSON.parse(
  JSON.stringify(APPS).replaceAll('http://client.test', 'https://client.test'),
);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildOptions {
  readonly directory: string;
  /** Default: a SQLite file in the directory. */
  readonly storeUrl?: string;
  readonly port: number;
  /** Master secret, base64. */
  readonly secret: string;
  /** The `apps` of the configuration file; those of the harness unless given. */
  readonly apps?: Readonly<Record<string, object>>;
  readonly smtpUrl: string;
  /** Module to run instead of the real entry. */
  readonly entry?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export class ChildPostern {
  readonly url: string;
  readonly configFile: string;
  readonly #child: ChildProcess;
  readonly #chunks: Buffer[] = [];
  /** Signal that ended it, or its exit code. */
  readonly ended: Promise<string | number>;

  private constructor(options: ChildOptions) {
    const {
      directory,
      storeUrl = `sqlite:${join(directory, 'postern.db')}`,
      port,
      secret,
      apps = CHILD_APPS,
      smtpUrl,
      entry = 'src/main.ts',
      environment,
    } = options;
    this.url = `http://localhost:${port}`;
    // JSON is YAML. A file for each: one that starts would read what another is just writing.
    this.configFile = join(directory, `postern-${port}.yaml`);
    writeFileSync(this.configFile, JSON.stringify({ apps }));
    this.#child = spawn(process.execPath, [entry], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'development',
        PORT: String(port),
        CONFIG: this.configFile,
        STORE_URL: storeUrl,
        SECRET_KEY: secret,
        SMTP_URL: smtpUrl,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(signal ?? code ?? 'unknown'));
    });
  }

  /** Does not wait until it listens. */
  static begin(options: ChildOptions): ChildPostern {
    return new ChildPostern(options);
  }

  /** Gives the process once it listens; throws with what it printed when it ends before. */
  static async start(options: ChildOptions): Promise<ChildPostern> {
    const child = ChildPostern.begin(options);
    const isUp = new Promise<'up'>((resolve) => {
      child.#child.stdout?.on('data', () => {
        if (child.output.includes('Postern listens on')) resolve('up');
      });
    });
    const first = await Promise.race([isUp, child.ended]);
    if (first !== 'up') throw new Error(`the server ended with ${first}:\n${child.output}`);
    return child;
  }

  /** Everything printed so far, to both streams. */
  get output(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  rp(slug = 'shop', clientId = 'web', more: object = {}): RelyingParty {
    const issuer = `${this.url}/${slug}`;
    return new RelyingParty({
      issuer,
      clientId,
      redirectUri: CHILD_CALLBACK,
      scope: 'openid email',
      ...more,
    });
  }

  /** Sends a message to the process and waits for its answer. */
  ask(message: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', resolve);
      this.#child.send(message, (error) => error && reject(error));
    });
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: 'SIGTERM' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    await this.ended;
  }
}

/** The parts of a mail that came to a real mail server. */
export function partsOf(mail: ReceivedMail): MailParts {
  const [link = ''] = links(mail);
  const [, id = '', secret = ''] = /\/link\/([^#/]+)[#/](.+)$/.exec(link) ?? [];
  const { subject = '', text = '', html, messageId = '' } = mail.parsed;
  return { link, code: code(mail) ?? '', id, secret, subject, text, html: String(html), messageId };
}
