/** The thread of `bcrypt.ts`. */
import { parentPort } from 'node:worker_threads';
import { hashSync } from 'bcryptjs';

interface Question {
  readonly id: number;
  readonly password: string;
  readonly salt: string;
}

parentPort?.on('message', ({ id, password, salt }: Question) => {
  try {
    parentPort?.postMessage({ id, hash: hashSync(password, salt.slice(0, 29)) });
  } catch {
    parentPort?.postMessage({ id });
  }
});
