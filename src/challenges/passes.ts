/**
 * "Continue on this device instead": what a browser holds that proved a mailbox by typing the code. A one-time pass, kept
 * as SHA-256 in the row of the challenge whose spend gave it, bound to app, address and client, good for five minutes and
 * for one POST (design §2).
 */
import { type Clock, MINUTE } from '../core/clock.ts';
import { hashOf, isSameSecret } from '../core/hash.ts';
import { type AppId, isIdForm } from '../core/ids.ts';
import type { Store } from '../store/port.ts';
import { CHALLENGE, type Challenge, type ChallengePass, type ChallengeRow } from './challenge.ts';

export const PASS_MS = 5 * MINUTE;

export interface Pass {
  readonly address: string;
  readonly clientId: string;
  /** When the mailbox was proved, ms (AC-21). */
  readonly issuedAt: number;
}

/** Cookie value: the row is found by the first part, the rest opens it. */
export const passToken = (challengeId: string, secret: string): string => `${challengeId}.${secret}`;

export const passHash = (token: string): string => hashOf('pass', token);

/** Whether this token, whoever holds it, may still sign in once. */
export const isPassOpen = (pass: ChallengePass | undefined, token: string, now: number): boolean =>
  pass !== undefined &&
  pass.spentAt === undefined &&
  pass.endsAt > now &&
  isSameSecret(pass.hash, passHash(token));

export class Passes {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What this cookie would let this client do; spends nothing. */
  async peek(app: AppId, token: string, clientId: string): Promise<Pass | undefined> {
    const challenge = await this.#find(app, token, clientId);
    return challenge && passIn(challenge);
  }

  /** The pass for exactly one caller (ML-21); another client's attempt does not burn it. */
  async consume(app: AppId, token: string, clientId: string): Promise<Pass | undefined> {
    // Again only when something else of the row changed meanwhile, such as the state of its mail.
    for (;;) {
      const challenge = await this.#find(app, token, clientId);
      if (!challenge?.data.pass) return undefined;
      const now = this.#clock.now();
      const data = { ...challenge.data, pass: { ...challenge.data.pass, spentAt: now } };
      const spent = await this.#store.records.replace(app, CHALLENGE, { ...challenge, data }, now);
      if (spent) return passIn(spent);
    }
  }

  async #find(app: AppId, token: string, clientId: string): Promise<Challenge | undefined> {
    const [id = ''] = token.split('.', 1);
    if (!isIdForm(id)) return undefined;
    const now = this.#clock.now();
    const found = await this.#store.records.find<ChallengeRow>(app, CHALLENGE, id, now);
    const isGood = found?.data.clientId === clientId && isPassOpen(found.data.pass, token, now);
    return isGood ? found : undefined;
  }
}

const passIn = ({ data: { address, clientId, pass } }: Challenge): Pass | undefined =>
  pass && { address, clientId, issuedAt: pass.endsAt - PASS_MS };
