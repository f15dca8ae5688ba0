/**
 * Engines by app, made on first use: a process may serve thousands of apps of which few are busy.
 *
 * An engine signs with the keys it was made with. Whoever asks for one gets an engine whose keys were compared with the
 * store a second ago at most; when they changed, a new engine takes over and the old one ends the requests it has. A store
 * that does not answer gives no engine, so a missed look never signs with a key that was removed.
 */
import type { App } from '../apps/apps.ts';
import { SECOND } from '../core/clock.ts';
import type { AppId } from '../core/ids.ts';
import { Engine, type EngineDeps } from './engine.ts';
import type { KeyView, SigningKeys } from './keys.ts';

/** About 43 KB each: at most some 40 MB. */
const MAX_ENGINES = 1000;
/** How long a look at the key set holds; with requests under way well within the two seconds of OA-32. */
const LOOK_AGAIN_AFTER = SECOND;

interface Current {
  readonly engine: Engine;
  readonly view: KeyView;
  /** Start of the last look at the store. */
  lookedAt: number;
}

interface Slot {
  current: Current | undefined;
  /** The look that is under way; everybody who comes meanwhile waits for the same one. */
  looking: Promise<Engine> | undefined;
}

export interface RegistryDeps extends EngineDeps {
  readonly keys: SigningKeys;
}

export class EngineRegistry {
  readonly #deps: RegistryDeps;
  /** In the order of last use. */
  readonly #slots = new Map<AppId, Slot>();

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  async get(app: App): Promise<Engine> {
    const slot = this.#slot(app.id);
    const { current } = slot;
    if (current && this.#isFresh(current)) return current.engine;
    slot.looking ??= this.#look(app, slot).finally(() => {
      slot.looking = undefined;
    });
    return slot.looking;
  }

  /** Engines in memory. */
  get size(): number {
    return this.#slots.size;
  }

  /** The engine of the last look, if that was no longer ago than `maxAge` ms: for what caches may hold as long anyway. */
  lately(app: App, maxAge: number): Engine | undefined {
    const current = this.#slots.get(app.id)?.current;
    return current && this.#deps.clock.now() - current.lookedAt <= maxAge ? current.engine : undefined;
  }

  #isFresh({ view, lookedAt }: Current): boolean {
    const now = this.#deps.clock.now();
    // A clock that was set back makes a look from the future, which says nothing.
    return now >= lookedAt && now - lookedAt < LOOK_AGAIN_AFTER && now < view.validUntil;
  }

  async #look(app: App, slot: Slot): Promise<Engine> {
    const { keys, clock } = this.#deps;
    const lookedAt = clock.now();
    const row = await keys.get(app);
    const { current } = slot;
    if (current?.view.version === row.version && clock.now() < current.view.validUntil) {
      current.lookedAt = lookedAt;
      return current.engine;
    }
    const view = keys.view(app, row);
    const engine = Engine.create(app, this.#deps, view);
    slot.current = { engine, view, lookedAt };
    return engine;
  }

  #slot(id: AppId): Slot {
    const slot = this.#slots.get(id) ?? { current: undefined, looking: undefined };
    this.#slots.delete(id);
    this.#slots.set(id, slot);
    const oldest = this.#slots.keys().next().value;
    if (this.#slots.size > MAX_ENGINES && oldest !== undefined) this.#slots.delete(oldest);
    return slot;
  }
}
