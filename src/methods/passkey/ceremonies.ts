/**
 * Ceremonies: what an authenticator is asked to sign, once. Owns the challenge of a ceremony from the moment it is given out
 * until it is spent; does not own what the authenticator answers.
 *
 * A challenge serves one browser, in one place (an interaction, or the account page), for one purpose, for five minutes
 * (AC-18). The store holds hashes only.
 */
import { type Clock, MINUTE } from '../../core/clock.ts';
import { hashOf } from '../../core/hash.ts';
import type { AppId } from '../../core/ids.ts';
import { randomToken } from '../../core/random.ts';
import type { OneTime } from '../../store/port.ts';

const KIND = 'ceremony';
/** WebAuthn §13.4.3 asks for 16 bytes at least. */
const CHALLENGE_BYTES = 32;
/** How long an authenticator may take, ms: the challenge and the browser's dialog both end then (AC-18). */
export const CEREMONY_LIFE = 5 * MINUTE;

export interface CeremonyBinding {
  readonly purpose: 'sign_in' | 'enrol';
  /** Uid of the interaction, or the name of another place of ours. */
  readonly place: string;
  /** Id of the asking browser. */
  readonly browser: string;
  /** Who enrols; nobody is known yet when somebody signs in. */
  readonly userId?: string;
}

interface CeremonyRow {
  readonly bound: string;
  readonly startedAt: number;
}

export class Ceremonies {
  readonly #oneTime: OneTime;
  readonly #clock: Clock;

  constructor(oneTime: OneTime, clock: Clock) {
    this.#oneTime = oneTime;
    this.#clock = clock;
  }

  /** A challenge in base64url. */
  async begin(app: AppId, binding: CeremonyBinding): Promise<string> {
    const challenge = randomToken(CHALLENGE_BYTES);
    const now = this.#clock.now();
    const data = { bound: boundTo(binding), startedAt: now };
    await this.#oneTime.put(app, KIND, keyOf(challenge), data, now + CEREMONY_LIFE, now);
    return challenge;
  }

  /** When the ceremony began, ms; undefined unless it is open and bound to exactly this. */
  async peek(app: AppId, challenge: string, binding: CeremonyBinding): Promise<number | undefined> {
    const found = await this.#oneTime.peek(app, KIND, keyOf(challenge), this.#clock.now());
    const row = found as CeremonyRow | undefined; // `begin` wrote it
    return row?.bound === boundTo(binding) ? row.startedAt : undefined;
  }

  /** True for one caller ever: whoever replays an answer is refused (AC-18). */
  async consume(app: AppId, challenge: string, binding: CeremonyBinding): Promise<boolean> {
    // A stranger who learned the challenge must not be able to spend it for its owner.
    if ((await this.peek(app, challenge, binding)) === undefined) return false;
    return (await this.#oneTime.consume(app, KIND, keyOf(challenge), this.#clock.now())) !== undefined;
  }
}

const keyOf = (challenge: string): string => hashOf(KIND, challenge);

const boundTo = ({ purpose, place, browser, userId = '' }: CeremonyBinding): string =>
  hashOf('ceremony_binding', purpose, place, browser, userId);
