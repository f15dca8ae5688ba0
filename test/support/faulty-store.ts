/**
 * A store that fails one call of a flow: the nth that a request makes from `arm` on. Jobs and housekeeping are left
 * alone, so that the count is the same in every run.
 */
import { presentPatience } from '../../src/core/patience.ts';
import { type Store, StoreUnavailable } from '../../src/store/port.ts';
import { intercepted } from './intercepted-store.ts';

/** `cut`: the call is not made. `lost`: it is made, its answer is lost. `stuck`: it is not made, and nothing answers. */
export type FaultMode = 'cut' | 'lost' | 'stuck';

export class FaultyStore {
  /** Around the real store of each server; the calls of all are counted as one. */
  readonly wrap = (real: Store): Store =>
    intercepted(real, (room, method) => this.#watch(`${room}.${method}`));
  #mode: FaultMode = 'cut';
  /** Calls to let pass before the one that fails; below zero when none is to fail. */
  #left = -1;
  #struck: string | undefined;
  #broken: string | undefined;

  arm(mode: FaultMode, nth: number): void {
    this.#mode = mode;
    this.#left = nth;
    this.#struck = undefined;
  }

  /** What failed stays known. */
  disarm(): void {
    this.#left = -1;
  }

  /** The call that failed; undefined when the flow had fewer. */
  get struck(): string | undefined {
    return this.#struck;
  }

  /** From now on this room, or this call of one, answers nobody; undefined mends it. */
  breakFor(calls: 'counters.hit' | 'records' | undefined): void {
    this.#broken = calls;
  }

  #watch(call: string): undefined | (() => void) | Promise<void> {
    if (this.#broken !== undefined && call.startsWith(this.#broken)) return Promise.reject(away());
    if (this.#left < 0 || !presentPatience()) return undefined;
    this.#left -= 1;
    if (this.#left >= 0) return undefined;
    this.#struck = call;
    if (this.#mode === 'stuck') return new Promise(() => undefined);
    if (this.#mode === 'cut') return Promise.reject(away());
    return () => {
      throw away();
    };
  }
}

const away = (): StoreUnavailable => new StoreUnavailable(new Error('injected'));
