/** Rounds of load: N people at once, a fixed number of operations, and what it took. One fault and there is no figure. */
import { Connection } from './connection.ts';
import type { Mailbox } from './mailbox.ts';
import type { Usage } from './meter.ts';
import type { ServerProcess } from './server-process.ts';
import { discover, introspect, refresh, serviceToken, signIn, type Target } from './sign-in.ts';
import { RESOURCE, RESOURCE_SCOPE } from './subjects.ts';

export const OPERATIONS = ['sign-in', 'refresh', 'client-credentials', 'introspection', 'discovery'] as const;
export type OperationName = (typeof OPERATIONS)[number];

export interface Round {
  readonly perSecond: number;
  /** CPU time of the whole server process per operation, ms. */
  readonly cpuMs: number;
  /** Of it, the main thread's. */
  readonly mainMs: number;
}

/** Everything needed to load one subject; its connections stay open from round to round. */
export class Load {
  readonly target: Target;
  readonly #server: ServerProcess;
  readonly #mailbox: Mailbox;
  readonly #connections: readonly Connection[];
  /** One per person, from a sign-in; each refresh replaces it. */
  readonly #refreshTokens: string[] = [];
  /** One per person, for the API that asks about them. */
  readonly #accessTokens: string[] = [];

  constructor(target: Target, server: ServerProcess, mailbox: Mailbox, people: number) {
    this.target = target;
    this.#server = server;
    this.#mailbox = mailbox;
    this.#connections = Array.from({ length: people }, () => new Connection(target.port));
  }

  async round(operation: OperationName, count: number): Promise<Round> {
    if (operation === 'refresh') await this.#signInOnce();
    if (operation === 'introspection') await this.#signInForApi();
    const before = await this.#server.usage();
    const began = performance.now();
    let left = count;
    await Promise.all(
      this.#connections.map(async (connection, person) => {
        while (left > 0) {
          left -= 1;
          await this.#run(operation, connection, person);
        }
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    const after = await this.#server.usage();
    return {
      perSecond: count / seconds,
      cpuMs: (after.cpuMs - before.cpuMs) / count,
      mainMs: (after.mainMs - before.mainMs) / count,
    };
  }

  profiled(file: string, operation: OperationName, count: number): Promise<Round> {
    return this.#server.profiled(file, () => this.round(operation, count));
  }

  async memory(): Promise<Omit<Usage, 'cpuMs' | 'mainMs'>> {
    return this.#server.usage();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.#server.stop();
  }

  async #run(operation: OperationName, connection: Connection, person: number): Promise<void> {
    if (operation === 'sign-in') await signIn(this.target, connection, this.#mailbox);
    else if (operation === 'discovery') await discover(this.target, connection);
    else if (operation === 'client-credentials') await serviceToken(this.target, connection);
    else if (operation === 'introspection')
      await introspect(this.target, connection, this.#accessTokens[person] ?? '');
    else
      this.#refreshTokens[person] = await refresh(this.target, connection, this.#refreshTokens[person] ?? '');
  }

  async #signInOnce(): Promise<void> {
    if (this.#refreshTokens.length > 0) return;
    const logins = this.#connections.map((connection) => signIn(this.target, connection, this.#mailbox));
    this.#refreshTokens.push(...(await Promise.all(logins)).map(({ refreshToken }) => refreshToken));
  }

  async #signInForApi(): Promise<void> {
    if (this.#accessTokens.length > 0) return;
    const request = { resource: RESOURCE, scope: `openid ${RESOURCE_SCOPE}` };
    const logins = this.#connections.map((connection) =>
      signIn(this.target, connection, this.#mailbox, request),
    );
    this.#accessTokens.push(...(await Promise.all(logins)).map(({ accessToken }) => accessToken));
  }
}
