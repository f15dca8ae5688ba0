/**
 * One attempt at one mail: the app's transports in order of preference, until one takes it or the mail itself is refused.
 *
 * What an answer is about decides (`Scope`): the mailbox or the mail, then no other transport helps; the transport, then
 * the next is tried at once. A transport that hangs is cut, and may have delivered all the same: the next one, or the next
 * attempt, sends the same mail with the same Message-ID, link and code (RL-02). Nothing begins after the link's end, and
 * what is under way then is cut (RL-04).
 */
import { type Clock, SECOND } from '../core/clock.ts';
import { faultOf, type Log } from '../lib/log.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import type { Delivery, OutgoingMail, Transport } from './transport.ts';

/** Of one send: shorter where another transport can take over, for the person waits. */
const TIMEOUT = { last: 60 * SECOND, before: 15 * SECOND } as const;

export type Attempt =
  | { readonly outcome: 'accepted'; readonly by: Transport; readonly providerId: string | undefined }
  | {
      readonly outcome: 'refused';
      readonly by: Transport;
      readonly scope: 'recipient' | 'message';
      readonly reason: string;
    }
  | {
      readonly outcome: 'deferred';
      /** The transport that spoke last; undefined when none could be asked. */
      readonly by: Transport | undefined;
      readonly scope: 'recipient' | 'transport';
      readonly reason: string;
      /** Earliest time at which another attempt makes sense, ms. */
      readonly notBefore: number;
    };

export interface FailOverOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly timeouts?: { readonly last: number; readonly before: number } | undefined;
  /** Told of every answer of a transport. */
  readonly onAnswer?:
    | ((mail: OutgoingMail, transport: Transport, outcome: Delivery['outcome']) => void)
    | undefined;
}

export class FailOver {
  readonly #options: FailOverOptions;
  /** Several apps may share a transport, and then its breaker. */
  readonly #breakers = new WeakMap<Transport, Breaker>();

  constructor(options: FailOverOptions) {
    this.#options = options;
  }

  /** @param signal ends the attempt for reasons of the queue. */
  async attempt(
    transports: readonly Transport[],
    mail: OutgoingMail,
    expiresAt: number,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const { clock, onAnswer } = this.#options;
    let deferred: Extract<Attempt, { outcome: 'deferred' }> | undefined;
    for (const [at, by] of transports.entries()) {
      const left = expiresAt - clock.now();
      if (left <= 0 || signal.aborted) break;
      const breaker = this.breakerOf(by);
      if (!breaker.enter()) continue;
      const limit = at === transports.length - 1 ? 'last' : 'before';
      const delivery = await this.#send(by, mail, Math.min(left, this.#timeout(limit)), signal);
      if (signal.aborted && delivery.outcome === 'deferred') {
        breaker.left();
        break;
      }
      onAnswer?.(mail, by, delivery.outcome);
      if (delivery.outcome === 'accepted') {
        breaker.worked();
        return { outcome: 'accepted', by, providerId: delivery.providerId };
      }
      const retryAfterMs = delivery.outcome === 'deferred' ? delivery.retryAfterMs : undefined;
      const { reason, scope } = delivery;
      const notBefore = clock.now() + (retryAfterMs ?? 0);
      if (scope === 'transport') {
        breaker.failed(retryAfterMs);
        deferred = { outcome: 'deferred', by, scope, reason, notBefore };
        continue;
      }
      breaker.worked();
      if (delivery.outcome === 'refused') return { outcome: 'refused', by, scope, reason };
      return { outcome: 'deferred', by, scope: 'recipient', reason, notBefore };
    }
    return this.#nobody(transports, deferred);
  }

  breakerOf(transport: Transport): Breaker {
    const known = this.#breakers.get(transport);
    if (known) return known;
    const made = new Breaker(this.#options.clock);
    this.#breakers.set(transport, made);
    return made;
  }

  statesOf(transports: readonly Transport[]): readonly { transport: string; state: BreakerState }[] {
    return transports.map((one) => ({ transport: one.name, state: this.breakerOf(one).state }));
  }

  /** None took it: again when the first of them may be asked again, whoever that is. */
  #nobody(
    transports: readonly Transport[],
    deferred: Extract<Attempt, { outcome: 'deferred' }> | undefined,
  ): Attempt {
    const open = transports.filter((one) => this.breakerOf(one).state !== 'closed');
    const isAllOpen = open.length === transports.length;
    const nextAt = Math.min(...transports.map((one) => this.breakerOf(one).nextAt));
    const notBefore = isAllOpen && transports.length > 0 ? nextAt : this.#options.clock.now();
    if (deferred) return { ...deferred, notBefore: isAllOpen ? notBefore : this.#options.clock.now() };
    return {
      outcome: 'deferred',
      by: undefined,
      scope: 'transport',
      reason: 'all transports at rest',
      notBefore,
    };
  }

  #timeout(limit: 'last' | 'before'): number {
    return (this.#options.timeouts ?? TIMEOUT)[limit];
  }

  /** Ends within `ms` whatever the transport does; it is told by its signal, and left behind when it does not listen. */
  async #send(transport: Transport, mail: OutgoingMail, ms: number, signal: AbortSignal): Promise<Delivery> {
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(new Error('no answer in time')), ms);
    const onAbort = () => cut.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const isCut = new Promise<Delivery>((resolve) => {
      cut.signal.addEventListener('abort', () =>
        resolve({ outcome: 'deferred', reason: 'no answer in time', scope: 'transport' }),
      );
    });
    try {
      return await Promise.race([this.#told(transport, mail, cut.signal), isCut]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #told(transport: Transport, mail: OutgoingMail, signal: AbortSignal): Promise<Delivery> {
    try {
      return await transport.send(mail, signal);
    } catch (thrown) {
      const { log } = this.#options;
      log.error(
        { app: mail.app, transport: transport.name, fault: faultOf(thrown) },
        'mail transport failed',
      );
      return { outcome: 'deferred', reason: 'transport fault', scope: 'transport' };
    }
  }
}
