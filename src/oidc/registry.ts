/** Engines by app, made on first use: a process may serve thousands of apps of which few are busy. */
import type { App } from '../apps/apps.ts';
import type { AppId } from '../core/ids.ts';
import { Engine, type EngineDeps } from './engine.ts';

/** About 43 KB each: at most some 40 MB. */
const MAX_ENGINES = 1000;

export class EngineRegistry {
  readonly #deps: EngineDeps;
  /** In the order of last use. */
  readonly #engines = new Map<AppId, Promise<Engine>>();

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  get(app: App): Promise<Engine> {
    const known = this.#engines.get(app.id);
    if (known) {
      this.#engines.delete(app.id);
      this.#engines.set(app.id, known);
      return known;
    }
    const made = Engine.create(app, this.#deps);
    this.#engines.set(app.id, made);
    // A failed start (store away) must not be remembered.
    made.catch(() => this.#engines.delete(app.id));
    const oldest = this.#engines.keys().next().value;
    if (this.#engines.size > MAX_ENGINES && oldest !== undefined) this.#engines.delete(oldest);
    return made;
  }
}
