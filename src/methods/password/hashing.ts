/**
 * The bounded pool in which passwords are hashed: a few at a time, in turn over the apps, so that a flood at one app
 * neither stalls the others nor takes the threads that files and names need (AC-16). Over its bound the answer is `busy`.
 *
 * Of this process only: it protects the process, and decides nothing that another one must know.
 */

/** Of the four threads that Node has for files, names and hashes, two are left for the rest. */
const AT_ONCE = 2;
const WAITING = 256;
const WAITING_PER_APP = 96;

type Job = () => Promise<void>;

export class HashingPool {
  #running = 0;
  #waiting = 0;
  /** By app, in the order in which they get their turn. */
  readonly #queues = new Map<string, Job[]>();

  /** `busy` at once when too many wait already, over all or in this app. */
  run<Result>(app: string, work: () => Promise<Result>): Promise<Result | 'busy'> {
    const queue = this.#queues.get(app) ?? [];
    if (this.#running >= AT_ONCE && (this.#waiting >= WAITING || queue.length >= WAITING_PER_APP))
      return Promise.resolve('busy');
    const answer = Promise.withResolvers<Result>();
    queue.push(() => work().then(answer.resolve, answer.reject));
    this.#queues.set(app, queue);
    this.#waiting += 1;
    this.#next();
    return answer.promise;
  }

  #next(): void {
    if (this.#running >= AT_ONCE) return;
    const [turn] = this.#queues;
    if (!turn) return;
    const [app, queue] = turn;
    const job = queue.shift();
    // Behind all others: one of each app in turn.
    this.#queues.delete(app);
    if (queue.length > 0) this.#queues.set(app, queue);
    if (!job) return;
    this.#waiting -= 1;
    this.#running += 1;
    void job().finally(() => {
      this.#running -= 1;
      this.#next();
    });
    this.#next();
  }
}
