/** Foreign programs: run to the end, or kept running until the test is over. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const MAX_OUTPUT = 8000;
const READY_AFTER_MS = 60_000;

/** Runs to the end; throws with what it printed when it is missing or fails. */
export async function run(command: Command): Promise<void> {
  const running = new Running(command);
  const code = await running.ended;
  if (code !== 0) throw new Error(`${describe(command)} ended with ${code}:\n${running.output}`);
}

const describe = ({ program, arguments: list }: Command): string => [program, ...list].join(' ');

export class Running {
  readonly #child: ChildProcess;
  readonly #command: Command;
  #output = '';
  /** Exit code; a program that cannot be started counts as 127, as in a shell. */
  readonly ended: Promise<number>;

  constructor(command: Command) {
    this.#command = command;
    const { program, arguments: list, folder, environment } = command;
    this.#child = spawn(program, list, {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-MAX_OUTPUT);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        keep(Buffer.from(error.message));
        resolve(127);
      });
      this.#child.once('close', (code) => resolve(code ?? 1));
    });
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the address answers without a server error; throws with the output when the program ends before. */
  async ready(url: string): Promise<void> {
    const deadline = Date.now() + READY_AFTER_MS;
    let hasEnded = false;
    void this.ended.then(() => {
      hasEnded = true;
    });
    while (!hasEnded && Date.now() < deadline) {
      const status = await fetch(url, { redirect: 'manual' }).then(
        (response) => response.status,
        () => 599,
      );
      if (status < 500) return;
      await wait(100);
    }
    throw new Error(`${describe(this.#command)} does not answer at ${url}:\n${this.#output}`);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
