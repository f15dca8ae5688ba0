/**
 * "Continue on this device instead": what a browser holds that proved a mailbox by typing the code. A one-time pass, kept
 * as SHA-256, bound to app, address and client, good for five minutes and for one POST (design §2).
 */
import { type Clock, MINUTE } from '../core/clock.ts';
import { hashOf } from '../core/hash.ts';
import type { AppId } from '../core/ids.ts';
import { randomToken } from '../core/random.ts';
import type { Store } from '../store/port.ts';

export const PASS_MS = 5 * MINUTE;
const KIND = 'pass';

export interface Pass {
  readonly address: string;
  readonly clientId: string;
  /** ms; absent in passes of before it was kept */
  readonly issuedAt?: number;
}

export class Passes {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Cookie value of a new pass. */
  async issue(app: AppId, pass: Pass): Promise<string> {
    const token = randomToken(32);
    const now = this.#clock.now();
    await this.#store.oneTime.put(app, KIND, keyOf(token), { ...pass, issuedAt: now }, now + PASS_MS, now);
    return token;
  }

  /** What this cookie would let this client do; spends nothing. */
  async peek(app: AppId, token: string, clientId: string): Promise<Pass | undefined> {
    return readPass(await this.#store.oneTime.peek(app, KIND, keyOf(token), this.#clock.now()), clientId);
  }

  /** The pass for exactly one caller. */
  async consume(app: AppId, token: string, clientId: string): Promise<Pass | undefined> {
    // Another client's attempt must not burn it.
    if (!(await this.peek(app, token, clientId))) return undefined;
    return readPass(await this.#store.oneTime.consume(app, KIND, keyOf(token), this.#clock.now()), clientId);
  }
}

const keyOf = (token: string): string => hashOf('pass', token);

function readPass(data: object | undefined, clientId: string): Pass | undefined {
  const pass = data as Pass | undefined; // written by issue()
  return pass?.clientId === clientId ? pass : undefined;
}
