/** A measured server in a process of its own, pinned to one core where the system can do that. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import type { Question, ServerMessage, Usage } from './meter.ts';

const SERVER_CORE = '0';
const GENERATOR_CORE = '1';

/** False on a system without `taskset` or with a single core: then figures depend on what the scheduler does. */
export const canPin: boolean = availableParallelism() > 1 && has('taskset');

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Keeps this process, which makes the load, off the server's core. */
export function pinGenerator(): void {
  if (canPin) execFileSync('taskset', ['-acp', GENERATOR_CORE, String(process.pid)], { stdio: 'ignore' });
}

/** Program and arguments that run Node on the server's core. */
export function pinned(args: readonly string[]): [program: string, args: string[]] {
  return canPin ? ['taskset', ['-c', SERVER_CORE, process.execPath, ...args]] : [process.execPath, [...args]];
}

export interface StartOptions {
  readonly entry: string;
  readonly environment: Readonly<Record<string, string>>;
  onMail?(to: string, text: string): void;
}

export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Gives the process once it listens; throws when it ends before. */
  static start({ entry, environment, onMail }: StartOptions): Promise<ServerProcess> {
    const [program, args] = pinned([entry]);
    const child = spawn(program, args, {
      env: { PATH: process.env.PATH, NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS, ...environment },
      // What a server logs goes where a service manager would take it, not to a terminal.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => reject(new Error(`${entry} ended with ${signal ?? code}`)));
      child.once('error', reject);
      child.on('message', (message: ServerMessage) => {
        if (message.type === 'listening') resolve(new ServerProcess(child, message.port));
        if (message.type === 'mail') onMail?.(message.to, message.text);
      });
    });
  }

  async usage(): Promise<Usage> {
    const answer = await this.#ask({ type: 'usage' });
    if (answer.type !== 'usage') throw new Error('not an answer to this question');
    return answer.usage;
  }

  /** Profiles the main thread while `work` runs and writes what Node's own profiler would write. */
  async profiled<T>(file: string, work: () => Promise<T>): Promise<T> {
    await this.#ask({ type: 'profile' });
    const result = await work();
    await this.#ask({ type: 'profiled', file });
    return result;
  }

  #ask(question: Question): Promise<ServerMessage> {
    return new Promise((resolve, reject) => {
      const listen = (message: ServerMessage): void => {
        if (message.type !== question.type) return;
        this.#child.off('message', listen);
        resolve(message);
      };
      this.#child.on('message', listen);
      this.#child.send(question, (error) => error && reject(error));
    });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}
