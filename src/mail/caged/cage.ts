/**
 * The cage, third wall: runs a template that has passed the checks in a thread with a limited heap, and ends the thread when
 * it takes too long. Templates run one after the other; one that hangs costs the others one time limit and a new thread.
 */
import { Worker } from 'node:worker_threads';
import type { CageAnswer, CageJob } from './cage-thread.ts';

export type CageResult =
  | { readonly text: string }
  | { readonly fault: 'size' | 'template' | 'time' | 'memory' };

export interface CageOptions {
  /** ms for one template, once the thread is up. */
  readonly timeoutMs?: number;
}

/** A template takes well under a millisecond; a busy machine may keep the thread waiting. */
const TIMEOUT_MS = 1500;
/** Of a thread that has not come up by then. */
const START_MS = 20_000;
const LIMITS = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 16, stackSizeMb: 2 };
/** Gmail cuts a mail off behind 102 KB. */
export const MAX_OUTPUT = 100_000;

interface Thread {
  readonly worker: Worker;
  readonly isUp: Promise<void>;
}

export class Cage {
  readonly #timeoutMs: number;
  #thread: Thread | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor({ timeoutMs = TIMEOUT_MS }: CageOptions = {}) {
    this.#timeoutMs = timeoutMs;
  }

  /** Never rejects for what the template does. */
  render(job: Omit<CageJob, 'id' | 'max'>): Promise<CageResult> {
    const turn = this.#last.then(() => this.#run(job));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#end();
  }

  async #run(job: Omit<CageJob, 'id' | 'max'>): Promise<CageResult> {
    const thread = this.#thread ?? start();
    this.#thread = thread;
    this.#count += 1;
    const id = this.#count;
    const result = await within(START_MS, thread.isUp).then(
      () => asked(thread.worker, { ...job, id, max: MAX_OUTPUT }, this.#timeoutMs),
      (): CageResult => ({ fault: 'time' }),
    );
    if ('fault' in result && result.fault !== 'size' && result.fault !== 'template') await this.#end();
    return result;
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.worker.terminate();
  }
}

function start(): Thread {
  const worker = new Worker(new URL('./cage-thread.ts', import.meta.url), {
    resourceLimits: LIMITS,
    env: {},
    execArgv: [],
    stdin: false,
  });
  // It waits for mails; the process need not wait for it.
  worker.unref();
  const isUp = new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
  isUp.catch(() => undefined);
  // Out of memory is told here as well as to whoever waits; without a listener it would end the process.
  worker.on('error', () => undefined);
  return { worker, isUp };
}

async function asked(worker: Worker, job: CageJob, timeoutMs: number): Promise<CageResult> {
  const { promise, resolve } = Promise.withResolvers<CageResult>();
  const onMessage = ({ id, text, fault }: CageAnswer): void => {
    if (id === job.id) resolve(text === undefined ? { fault: fault ?? 'template' } : { text });
  };
  const onEnd = (): void => resolve({ fault: 'memory' });
  worker.on('message', onMessage);
  worker.once('error', onEnd);
  worker.once('exit', onEnd);
  const timer = setTimeout(() => resolve({ fault: 'time' }), timeoutMs);
  try {
    worker.postMessage(job);
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.off('message', onMessage);
    worker.off('error', onEnd);
    worker.off('exit', onEnd);
  }
}

async function within(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('too late')), ms);
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
