/** From the start of a process until it listens, and until it has answered discovery. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Connection } from './connection.ts';
import { pinned } from './server-process.ts';
import { discover } from './sign-in.ts';
import { environmentOf, type Subject } from './subjects.ts';

export interface StartUp {
  readonly listeningMs: number;
  readonly discoveryMs: number;
}

export interface StartUpCase {
  readonly name: string;
  /** One start; `nth` counts the rounds, so that a first start gets a directory of its own. */
  start(nth: number): Promise<StartUp>;
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Ports of their own for each start, above what the load uses. */
let nextPort = 0;

export function startUpCases(
  directory: string,
  smtpUrl: string,
  bare: Subject,
  firstPort: number,
): StartUpCase[] {
  nextPort = firstPort;
  const postern = (name: string, cache: string) =>
    measure([MAIN], 'https://postern.example/shop', {
      ...environmentOf(directory, name, smtpUrl),
      NODE_COMPILE_CACHE: join(directory, cache),
    });
  return [
    { name: 'bare', start: () => measure([bare.entry], bare.issuer, bare.environment) },
    {
      name: 'postern, first start (no store, no compile cache)',
      start: (nth) => postern(`first-${nth}`, `cache-${nth}`),
    },
    {
      name: 'postern, later start',
      start: (nth) => postern(`first-${nth}`, `cache-${nth}`),
    },
  ];
}

async function measure(
  args: readonly string[],
  issuer: string,
  environment: Readonly<Record<string, string>>,
): Promise<StartUp> {
  nextPort += 1;
  const [program, programArgs] = pinned(args);
  const began = performance.now();
  const child = spawn(program, programArgs, {
    env: { PATH: process.env.PATH, ...environment, PORT: String(nextPort) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const connection = new Connection(nextPort);
  try {
    await listening(child);
    const listeningMs = performance.now() - began;
    await discover({ issuer }, connection);
    return { listeningMs, discoveryMs: performance.now() - began };
  } finally {
    connection.close();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.includes('listens on')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it listened:\n${output}`)));
  });
}
