/** Stands in for the writer thread of the embedded store: answers when told, or never. */
import { EventEmitter } from 'node:events';
import type { Reply, Request } from '../../src/store/sqlite/protocol.ts';
import type { WriterThread } from '../../src/store/sqlite/writer.ts';

/** `answer` at once, `hold` until `answer()` is called, `rude`: at once, but leaves without a goodbye. */
type Manner = 'answer' | 'hold' | 'rude';

export class ScriptedThread implements WriterThread {
  readonly #events = new EventEmitter();
  readonly #manner: Manner;
  /** How many operations each message carried. */
  readonly sizes: number[] = [];
  #held = 0;

  constructor(manner: Manner) {
    this.#manner = manner;
  }

  postMessage(request: Request): void {
    if (request === 'close') {
      if (this.#manner !== 'rude') setImmediate(() => this.say('closed'));
      return;
    }
    this.sizes.push(request.length);
    this.#held = request.length;
    if (this.#manner !== 'hold') setImmediate(() => this.answer());
  }

  answer(): void {
    this.say(Array.from({ length: this.#held }, () => true));
  }

  say(reply: Reply): void {
    this.#events.emit('message', reply);
  }

  on(event: string, listener: (...values: never[]) => void): unknown {
    // An emitter calls with what was emitted; `say` emits replies only.
    return this.#events.on(event, listener as (...values: unknown[]) => void);
  }

  async terminate(): Promise<number> {
    this.#events.emit('exit');
    return 0;
  }
}
