/**
 * bcrypt as others store it. The library computes on the thread that calls it, hence in one of its own: nobody else waits
 * for an imported password (AC-16).
 */
import { Worker } from 'node:worker_threads';
import type { Verifier } from './verifier.ts';

const FORM = /^\$2[aby]\$(\d{2})\$([./A-Za-z0-9]{53})$/;
const MAX_ROUNDS = 15;

export function readBcrypt(text: string): Verifier | undefined {
  const bare = text.replace(/^\{BCRYPT\}|^bcrypt\$/i, '');
  const [, rounds] = FORM.exec(bare) ?? [];
  if (rounds === undefined || Number(rounds) < 4 || Number(rounds) > MAX_ROUNDS) return undefined;
  // The whole hash is derived anew from its own salt.
  const expected = Buffer.from(bare.replace(/^\$2[ay]/, '$2b'));
  return { kind: 'bcrypt', expected, derive: (password) => derive(password, expected.toString()) };
}

interface Answer {
  readonly id: number;
  readonly hash?: string;
}

let worker: Worker | undefined;
let next = 0;
const waiting = new Map<number, PromiseWithResolvers<Buffer>>();

function derive(password: Buffer, salt: string): Promise<Buffer> {
  worker ??= started();
  const answer = Promise.withResolvers<Buffer>();
  next += 1;
  waiting.set(next, answer);
  worker.ref();
  worker.postMessage({ id: next, password: password.toString('utf8'), salt });
  return answer.promise;
}

function started(): Worker {
  const made = new Worker(new URL('./bcrypt-thread.ts', import.meta.url));
  made.on('message', ({ id, hash }: Answer) => {
    const answer = waiting.get(id);
    waiting.delete(id);
    // An idle thread keeps no process alive.
    if (waiting.size === 0) made.unref();
    if (hash === undefined) answer?.reject(new Error('bcrypt failed'));
    else answer?.resolve(Buffer.from(hash));
  });
  made.on('error', (fault) => {
    worker = undefined;
    for (const answer of waiting.values()) answer.reject(fault);
    waiting.clear();
  });
  made.unref();
  return made;
}
