/**
 * The revocation epoch: nothing that the engine issued before it is found any more. It is raised when an older copy of the
 * store comes back, because that copy does not know what was revoked, rotated or spent since (RL-23, OA-23).
 *
 * One record for the whole store. The adapter asks here at every find, so the answer is remembered for a second: a
 * running process follows a raised epoch within that time.
 */
import { type Clock, SECOND } from '../core/clock.ts';
import { type Store, StoreConflict, SYSTEM } from '../store/port.ts';

const KIND = 'epoch';
const ID = 'tokens';
const REMEMBER_MS = SECOND;

interface EpochRow {
  /** Ms since 1970: what was issued earlier is void. */
  readonly notBefore: number;
  readonly reason: string;
}

export class Epoch {
  readonly #store: Store;
  readonly #clock: Clock;
  #known: { readonly at: number; readonly notBefore: Promise<number> } | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * @param issuedAt in seconds, as the engine writes it; rounded down there, so that what was issued in the epoch's own
   * second counts as older. What does not say when it was issued is older than any epoch.
   */
  async isBefore(issuedAt: number | undefined): Promise<boolean> {
    const notBefore = await this.#notBefore();
    return notBefore > 0 && (issuedAt ?? 0) * SECOND < notBefore;
  }

  #notBefore(): Promise<number> {
    const now = this.#clock.now();
    const known = this.#known;
    // A clock that was set back must not keep an old answer for as long as it was set back.
    if (known && Math.abs(now - known.at) < REMEMBER_MS) return known.notBefore;
    const notBefore = readEpoch(this.#store, now);
    const asked = { at: now, notBefore };
    this.#known = asked;
    notBefore.catch(() => {
      if (this.#known === asked) this.#known = undefined;
    });
    return notBefore;
  }
}

/** Ms since 1970; 0 when it was never raised. */
export async function readEpoch(store: Store, now: number): Promise<number> {
  const row = await store.records.find<EpochRow>(SYSTEM, KIND, ID, now);
  return row?.data.notBefore ?? 0;
}

/** Voids all that was issued until now, on every process within a second. Never goes back. Gives the epoch in force. */
export async function raiseEpoch(store: Store, now: number, reason: string): Promise<number> {
  const before = await store.records.find<EpochRow>(SYSTEM, KIND, ID, now);
  const data: EpochRow = { notBefore: Math.max(now, before?.data.notBefore ?? 0), reason };
  if (before) {
    const written = await store.records.replace<EpochRow>(SYSTEM, KIND, { ...before, data }, now);
    return written ? data.notBefore : raiseEpoch(store, now, reason);
  }
  try {
    await store.records.insert<EpochRow>(SYSTEM, KIND, { id: ID, data }, now);
    return data.notBefore;
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    return raiseEpoch(store, now, reason);
  }
}
