/**
 * Every limit and budget of Postern: one table (`rules.ts`), one call. Counts live in the store, so they are shared by all processes
 * and survive a restart. Being refused is an expected outcome, never an exception.
 */
import type { Clock } from '../core/clock.ts';
import { type Scope, type Store, SYSTEM } from '../store/port.ts';
import { RULES, type Rule, type RuleName } from './rules.ts';

export interface Claim {
  readonly rule: RuleName;
  /** What is counted: hashes and ids only, never an address in clear. */
  readonly subject: string;
  readonly windowMs?: number;
  readonly max?: number;
}

export type Verdict =
  | { readonly allowed: true; readonly left: Readonly<Partial<Record<RuleName, number>>> }
  | { readonly allowed: false; readonly rule: RuleName; readonly retryAt: number };

export class Limits {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Takes one unit of every claim before the act it allows (so that concurrent callers cannot pass together, ML-26).
   * When one of them is spent the others are given back and the longest wait is told.
   */
  async take(app: Scope, claims: readonly Claim[]): Promise<Verdict> {
    const now = this.#clock.now();
    const tries = await Promise.allSettled(
      claims.map(async (claim) => {
        const { max, windowMs } = bounds(claim);
        const state = await this.#store.counters.hit(scopeOf(app, claim), keyOf(claim), { windowMs }, now);
        return {
          claim,
          over: state.count > max,
          left: Math.max(0, max - state.count),
          retryAt: state.resetsAt,
        };
      }),
    );
    const taken = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = tries.find((one) => one.status === 'rejected');
    if (failed) {
      // Without the shared count nothing is allowed (WB-08), and a try that was not counted whole costs nothing.
      const isTaken = (index: number) => tries[index]?.status === 'fulfilled';
      const mayBeCounted = claims.filter((claim, index) => isTaken(index) || isSpacing(claim));
      const given = this.giveBack(app, mayBeCounted);
      await given.catch(() => undefined);
      throw failed.reason;
    }
    const worst = taken.filter((entry) => entry.over).sort((a, b) => b.retryAt - a.retryAt)[0];
    if (!worst)
      return { allowed: true, left: Object.fromEntries(taken.map(({ claim, left }) => [claim.rule, left])) };
    // A refused attempt must cost nothing, or asking on would keep the door closed for ever.
    await this.giveBack(app, claims);
    return { allowed: false, rule: worst.claim.rule, retryAt: worst.retryAt };
  }

  /** Gives back what was taken for an act that turned out not to count. */
  async giveBack(app: Scope, claims: readonly Claim[]): Promise<void> {
    const now = this.#clock.now();
    await Promise.all(
      claims.map((claim) =>
        this.#store.counters.hit(
          scopeOf(app, claim),
          keyOf(claim),
          { windowMs: bounds(claim).windowMs, by: -1 },
          now,
        ),
      ),
    );
  }

  /** Whether all of these would be allowed now, and until when not; takes nothing. */
  async look(app: Scope, claims: readonly Claim[]): Promise<Verdict> {
    const now = this.#clock.now();
    const left: Partial<Record<RuleName, number>> = {};
    for (const claim of claims) {
      const state = await this.#store.counters.peek(scopeOf(app, claim), keyOf(claim), now);
      const remaining = bounds(claim).max - (state?.count ?? 0);
      if (state && remaining <= 0) return { allowed: false, rule: claim.rule, retryAt: state.resetsAt };
      left[claim.rule] = remaining;
    }
    return { allowed: true, left };
  }
}

const ruleOf = ({ rule }: Claim): Rule => RULES[rule];
const isSpacing = (claim: Claim): boolean => ruleOf(claim).isSpacing === true;
const scopeOf = (app: Scope, claim: Claim): Scope => (RULES[claim.rule].over === 'all' ? SYSTEM : app);
const keyOf = (claim: Claim): string => `${claim.rule}:${claim.subject}`;

function bounds(claim: Claim): { max: number; windowMs: number } {
  const rule: Rule = RULES[claim.rule];
  const max = claim.max ?? rule.max;
  const windowMs = claim.windowMs ?? rule.windowMs;
  if (typeof max === 'string' || typeof windowMs === 'string')
    throw new Error(`the limit ${claim.rule} needs the app's number`);
  return { max, windowMs };
}
