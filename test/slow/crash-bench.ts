/** What the crash tests share: a store in a directory, a mail sink, and a server on them that can be killed and started. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../conformance/processes.ts';
import { type ChildOptions, ChildPostern, partsOf } from '../support/child-postern.ts';
import { callbackOf, type MailParts, signInByCode } from '../support/harness.ts';
import { newAddress, tokensFor } from '../support/logins.ts';
import { Browser, type RelyingParty } from '../support/relying-party.ts';
import { type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts';
import type { FaultPoint } from './fault-server.ts';

export class CrashBench {
  readonly sink: SmtpSink;
  readonly #options: ChildOptions;
  #server: ChildPostern;

  private constructor(sink: SmtpSink, options: ChildOptions, server: ChildPostern) {
    this.sink = sink;
    this.#options = options;
    this.#server = server;
  }

  static async start(): Promise<CrashBench> {
    const sink = await startSmtpSink();
    const options = {
      directory: mkdtempSync(join(tmpdir(), 'postern-test-')),
      port: await freePort(),
      secret: randomBytes(32).toString('base64'),
      smtpUrl: sink.url,
      entry: 'test/slow/fault-server.ts',
    };
    return new CrashBench(sink, options, await ChildPostern.start(options));
  }

  rp(): RelyingParty {
    return this.#server.rp();
  }

  async mailTo(address: string): Promise<MailParts> {
    return partsOf(await this.sink.mailTo(address));
  }

  /** A signed-in browser; its tokens are there for the asking. */
  async login() {
    const browser = new Browser();
    const rp = this.rp();
    const callback = callbackOf(await signInByCode(this, browser, rp, newAddress()));
    return { browser, rp, callback, redeem: () => tokensFor(rp, callback) };
  }

  arm(point: FaultPoint): Promise<unknown> {
    return this.#server.ask(point);
  }

  disarm(): Promise<unknown> {
    return this.arm({ nth: 0, when: 'before' });
  }

  /** True when the act killed the server, which is then started again; false when it was answered. */
  async dies(act: Promise<unknown>): Promise<boolean> {
    const isDead = await Promise.race([
      act.then(
        () => false,
        () => true,
      ),
      this.#server.ended.then(() => true),
    ]);
    if (!isDead) return false;
    await this.restart();
    return true;
  }

  /** Waits for the death of the server, then starts the next. */
  async restart(): Promise<void> {
    const how = await this.#server.ended;
    if (how !== 'SIGKILL') throw new Error(`the server ended with ${how}:\n${this.#server.output}`);
    this.#server = await ChildPostern.start(this.#options);
  }

  /** For an act that took fewer writes than expected. */
  async kill(): Promise<void> {
    await this.#server.stop('SIGKILL');
    await this.restart();
  }

  async close(): Promise<void> {
    await this.#server.stop('SIGKILL');
    await this.sink.close();
    rmSync(this.#options.directory, { recursive: true, force: true });
  }
}
