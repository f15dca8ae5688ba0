/**
 * How long one request may wait for the store, over all of its calls, and whether the store failed it. Kept beside the
 * call chain (AsyncLocalStorage), because the engine stands between a request and most of its store calls and catches
 * some faults by itself: whatever it answers then, the front door knows better.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { monotonic, SECOND } from './clock.ts';

/** Longer than a failover's first retry, shorter than people and proxies wait. From the first call to the store. */
export const REQUEST_PATIENCE_MS = 5 * SECOND;

export class Patience {
  readonly #limitMs: number;
  #endsAt: number | undefined;
  #fault: unknown;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** ms; starts to run with the first call, so that a slow upload costs nothing. */
  get left(): number {
    this.#endsAt ??= monotonic() + this.#limitMs;
    return this.#endsAt - monotonic();
  }

  /** The last fault of the store, whoever caught it. */
  get fault(): unknown {
    return this.#fault;
  }

  failed(fault: unknown): void {
    this.#fault = fault;
  }
}

const present = new AsyncLocalStorage<Patience | undefined>();

export const withPatience = <T>(patience: Patience, run: () => T): T => present.run(patience, run);

export const presentPatience = (): Patience | undefined => present.getStore();

/** For work that a request sets off and that outlives it. */
export const withoutPatience = <T>(run: () => T): T => present.run(undefined, run);
