/**
 * The circuit breaker of one transport in one process: what fails again and again is left alone for a while, then tried
 * with one mail. It only says whether to try now; a mail that may not pass waits in the queue, so nothing is lost by it.
 *
 * Per process on purpose: it saves time-outs and decides nothing that another process must know.
 */
import { type Clock, MINUTE, SECOND } from '../core/clock.ts';
import { jitter } from '../core/random.ts';
import { backOff } from '../lib/back-off.ts';

/** In a row; a server that is down answers nobody. */
const CONSECUTIVE = 5;
/** Of the last twenty; a server that answers every other mail is no way out either. */
const WINDOW = 20;
const WINDOW_FAILURES = 10;
const OPEN = { first: 5 * SECOND, max: MINUTE } as const;
/** A provider may ask for more; a link lives for ten minutes. */
const MAX_PAUSE = 5 * MINUTE;
/**
 * Mails of one app under way at a time: enough to keep connections busy over the commits of the store. A way out earns
 * them one by one and loses them at once, so that what hangs holds few slots, and those of others stay free (RL-04).
 */
const ROOM = { first: 16, most: 128, disturbed: 4 } as const;
/** So long without any answer is a disturbance, before the first time-out says so. */
const SILENCE = 3 * SECOND;
/** When to ask again while the one mail is under way. */
const PROBE_WAIT = SECOND;

export type BreakerState = 'closed' | 'half_open' | 'open';

export class Breaker {
  readonly #clock: Clock;
  #openUntil: number | undefined;
  #openings = 0;
  #consecutive = 0;
  #window: boolean[] = [];
  #isProbing = false;
  #earned: number = ROOM.first;
  #underWay = 0;
  /** When it last answered, or was first asked after a rest. */
  #heardAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get state(): BreakerState {
    if (this.#openUntil === undefined) return 'closed';
    return this.#clock.now() < this.#openUntil ? 'open' : 'half_open';
  }

  /** How many mails of one app may be under way. */
  get room(): number {
    const isSilent = this.#underWay > 0 && this.#clock.now() - this.#heardAt > SILENCE;
    return isSilent || this.#openUntil !== undefined ? ROOM.disturbed : this.#earned;
  }

  /** True when a mail may be tried; of those who ask while it is half open, one. Each `true` is followed by one answer below. */
  enter(): boolean {
    if (this.#openUntil !== undefined) {
      if (this.state === 'open' || this.#isProbing) return false;
      this.#isProbing = true;
    }
    if (this.#underWay === 0) this.#heardAt = this.#clock.now();
    this.#underWay += 1;
    return true;
  }

  /** When it may be worth asking again, ms. */
  get nextAt(): number {
    const now = this.#clock.now();
    return Math.max(this.#openUntil ?? now, now + (this.#isProbing ? PROBE_WAIT : 0));
  }

  worked(): void {
    this.left();
    this.#heardAt = this.#clock.now();
    this.#earned = Math.min(ROOM.most, this.#earned + 1);
    this.#openUntil = undefined;
    this.#openings = 0;
    this.#consecutive = 0;
    this.#remember(true);
  }

  /** @param retryAfterMs as the other side asked: then it is left alone at once. */
  failed(retryAfterMs?: number): void {
    const wasProbe = this.#isProbing && this.state === 'half_open';
    this.left();
    this.#earned = this.#consecutive === 0 ? Math.ceil(this.#earned / 2) : ROOM.disturbed;
    this.#consecutive += 1;
    this.#remember(false);
    // Answers of mails that were under way when it opened say nothing new.
    if (this.state === 'open') return;
    const failures = this.#window.filter((didWork) => !didWork).length;
    const isBroken = wasProbe || this.#consecutive >= CONSECUTIVE || failures >= WINDOW_FAILURES;
    if (isBroken || retryAfterMs !== undefined) this.#open(retryAfterMs ?? 0);
  }

  /** The attempt was given up for reasons of ours: nothing is known. */
  left(): void {
    this.#isProbing = false;
    this.#underWay -= 1;
  }

  #open(atLeast: number): void {
    this.#openings += 1;
    const pause = Math.max(backOff(OPEN, this.#openings, jitter()), Math.min(atLeast, MAX_PAUSE));
    this.#openUntil = this.#clock.now() + pause;
    this.#window = [];
  }

  #remember(didWork: boolean): void {
    this.#window = [...this.#window, didWork].slice(-WINDOW);
  }
}
