/**
 * How many requests are under way in this process, and how many may be. There is no queue: one would only add its own
 * waiting to that of the store, and whoever waits longest has gone by the time it is his turn. Beyond the bound the answer
 * is 503 at once, which clients and balancers know how to repeat elsewhere.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A healthy process has some tens under way; so many means that the store crawls, and each would wait out its patience. */
const MAX_UNDER_WAY = 2000;

export class Admission {
  readonly #max: number;
  #underWay = 0;

  constructor(max: number = MAX_UNDER_WAY) {
    this.#max = max;
  }

  /**
   * Counts the request until its answer has gone or its connection; false when there is no room for it. One whose body is
   * still on its way waits for its sender and not for us: a stranger's slow bodies must not close the door (RL-15).
   */
  enters(req: IncomingMessage, res: ServerResponse): boolean {
    const hasRoom = this.#underWay < this.#max;
    if (waitsForBody(req)) req.once('end', () => this.#count(res));
    else this.#count(res);
    return hasRoom;
  }

  #count(res: ServerResponse): void {
    if (res.closed) return;
    this.#underWay += 1;
    res.once('close', () => {
      this.#underWay -= 1;
    });
  }
}

/** By RFC 9112 §6.3. Of other methods nobody reads the body: that would end only behind the answer. */
const waitsForBody = ({ method, headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);
