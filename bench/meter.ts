/** The measured side of a benchmark: tells the process that started it what this one has used so far. */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import process from 'node:process';

export interface Usage {
  /** User and system time of the whole process with all its threads, ms. */
  readonly cpuMs: number;
  /** Of it, the main thread's. */
  readonly mainMs: number;
  /** Resident memory, bytes. */
  readonly rss: number;
  /** What is in use of the heap and beside it, bytes; after a collection when Node runs with `--expose-gc`. */
  readonly live: number;
  /** Of the heap of the main thread, in use, bytes. */
  readonly heapUsed: number;
  /** Beside the heap, held by its objects, bytes; what is in array buffers is part of it. */
  readonly external: number;
  readonly arrayBuffers: number;
}

/** What the parent asks for: figures so far, or a CPU profile of the main thread from now on. */
export type Question =
  | { readonly type: 'usage' }
  | { readonly type: 'profile' }
  | { readonly type: 'profiled'; readonly file: string };

/** What a server process says to its parent. */
export type ServerMessage =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'profile' | 'profiled' }
  | { readonly type: 'mail'; readonly to: string; readonly text: string };

export function tell(message: ServerMessage): void {
  process.send?.(message);
}

/** Answers the questions of the parent; `close` runs when it asks to stop or is gone. */
export function answerParent(close: () => Promise<void>): void {
  // Nobody but the benchmark that started this process holds the other end.
  process.on('message', (question) => void answer(question as Question));
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    void close().finally(() => process.exit(0));
  };
  process.once('disconnect', stop);
  process.once('SIGTERM', stop);
}

let inspector: Session | undefined;

async function answer(question: Question): Promise<void> {
  if (question.type === 'usage') tell({ type: 'usage', usage: usage() });
  if (question.type === 'profile') {
    inspector = new Session();
    inspector.connect();
    await inspector.post('Profiler.enable');
    await inspector.post('Profiler.start');
    tell({ type: 'profile' });
  }
  if (question.type === 'profiled') {
    const result = await inspector?.post('Profiler.stop');
    writeFileSync(question.file, JSON.stringify(result?.profile));
    tell({ type: 'profiled' });
  }
}

function usage(): Usage {
  const all = process.cpuUsage();
  const main = process.threadCpuUsage();
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const ms = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
  return {
    cpuMs: ms(all),
    mainMs: ms(main),
    rss: process.memoryUsage.rss(),
    live: heapUsed + external,
    heapUsed,
    external,
    arrayBuffers,
  };
}
