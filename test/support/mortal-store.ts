/**
 * A store that a test lets die: from the given write on nothing goes through any more, reads neither, as when the process
 * that holds it is killed. What was answered before is in the file, and a second server on it finds it.
 */
import type { Store } from '../../src/store/port.ts';
import { intercepted } from './intercepted-store.ts';

const READS = new Set(['find', 'findByKey', 'findBy', 'list', 'due', 'peek']);

export class Killed extends Error {}

export class MortalStore {
  /** Around the real store of each server; they die together. */
  readonly wrap = (real: Store): Store => intercepted(real, (_room, method) => this.#watch(method));
  #left = Number.POSITIVE_INFINITY;
  #isDead = false;

  #watch(method: string): undefined {
    if (this.#isDead) throw new Killed();
    if (READS.has(method)) return undefined;
    this.#left -= 1;
    if (this.#left < 0) {
      this.#isDead = true;
      throw new Killed();
    }
    return undefined;
  }

  /** The `writes`-th write from now on is the last one that is done. */
  dieAfter(writes: number): void {
    this.#left = writes;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** For the next round: as if started again. */
  revive(): void {
    this.#left = Number.POSITIVE_INFINITY;
    this.#isDead = false;
  }
}
