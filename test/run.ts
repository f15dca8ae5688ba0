/**
 * `npm test`: every tier, each as a mocha process of its own, a few at a time; the flows on each stand. Ends with one table
 * and one sum. Arguments go to every mocha, such as `--grep ML-21`; `--part flow` runs only the parts of that name.
 *
 * On MongoDB one flow of each feature, since three minutes have no room for all of them twice, and each page in two settings
 * of the four; `--whole`, and CI, run all.
 */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { describeMongo, type MongoServer, mongoServer, NoMongoServer } from './support/mongo-server.ts';
import { describeStand, type Stand } from './support/stand.ts';

interface Part {
  readonly name: string;
  readonly specs: readonly string[];
  readonly ignored?: readonly string[];
  readonly stand: Stand;
}

interface Result {
  readonly part: string;
  /** Failed once and passed at the second try. */
  readonly unsteady: number;
  readonly passing: number;
  readonly failing: number;
  readonly pending: number;
  readonly seconds: number;
}

const isCi = Boolean(process.env.CI);
const WHOLE = '--whole';
const isWhole = isCi || process.argv.includes(WHOLE);
/** A good part of a flow waits for disks and wires; two cores carry three. CI has time, and wants no crowd. */
const LANES = isCi ? 2 : 3;
const REPORTER = 'test/support/unsteady-reporter.ts';
const FLOWS = ['test/flow/**/*.test.ts'];
/** About half of the flows by time; the other half is all that is not among them. */
const HALF = ['faults', 'pages', 'protocol'];
const HALF_OF_FLOWS = HALF.map((name) => `test/flow/${name}/*.test.ts`);
const ALONE: Stand = { store: 'sqlite', servers: 1 };

/** One of each feature: what differs by store shows in them first. */
const ONE_EACH = [
  'address/identity',
  'audit/*',
  'binding/*',
  'keys/*',
  'mail/truth',
  'mail-feedback/webhooks',
  'methods/linking',
  'pages/apps',
  'passkey/sign-in',
  'protocol/code',
  'protocol/refresh',
  'session/*',
  'sign-in/complete',
  'sign-in/races',
  'tokens/*',
  'upstream/binding',
].map((name) => `test/flow/${name}.test.ts`);

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const [wanted, mochaArguments] = readArguments(
  process.argv.slice(2).filter((argument) => argument !== WHOLE),
);
const mongo = await findMongo();
const results = await runAll(partsOf(wanted));
await (mongo instanceof NoMongoServer ? undefined : mongo.stop());
report(results);

/** The longest first, so that the lanes end together. `extra` is what only `npm run test:slow` and CI have time for. */
function partsOf(part: string | undefined): readonly Part[] {
  const two = { store: 'sqlite', servers: 2 } as const;
  if (part === 'extra') return [{ name: 'flow', specs: FLOWS, stand: two }];
  const all: readonly Part[] = [
    ...onMongo(),
    { name: 'flow', specs: FLOWS, stand: ALONE },
    { name: 'browser', specs: ['test/browser/**/*.test.ts'], stand: ALONE },
    { name: 'unit, contract', specs: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'], stand: ALONE },
  ];
  return all.filter(({ name }) => part === undefined || name.includes(part));
}

function onMongo(): readonly Part[] {
  if (mongo instanceof NoMongoServer) return [];
  const stand = { store: 'mongodb', servers: 2 } as const;
  if (!isWhole || mongo.kind === 'wheel') return [{ name: 'flow, one per feature,', specs: ONE_EACH, stand }];
  return [
    { name: `flow (${HALF.join(', ')})`, specs: HALF_OF_FLOWS, stand },
    { name: 'flow (the others)', specs: FLOWS, ignored: HALF_OF_FLOWS, stand },
  ];
}

function readArguments(given: readonly string[]): readonly [string | undefined, readonly string[]] {
  const at = given.indexOf('--part');
  if (at < 0) return [undefined, given];
  return [given[at + 1], given.filter((_, index) => index !== at && index !== at + 1)];
}

/** One server for all parts. Its absence fails the run in CI and is told at both ends of it elsewhere. */
async function findMongo(): Promise<MongoServer | NoMongoServer> {
  try {
    const server = await mongoServer();
    say(`MongoDB: ${describeMongo(server.kind)}`);
    return server;
  } catch (fault) {
    if (!(fault instanceof NoMongoServer)) throw fault;
    say(`!!! ${fault.message}`);
    return fault;
  }
}

async function runAll(parts: readonly Part[]): Promise<readonly Result[]> {
  const waiting = [...parts];
  const done: Result[] = [];
  const lane = async (): Promise<void> => {
    for (let part = waiting.shift(); part; part = waiting.shift()) done.push(await run(part));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return done;
}

async function run(part: Part): Promise<Result> {
  const title = await titleOf(part);
  say(`… ${title}`);
  const begun = performance.now();
  const options = ['--no-config', '--timeout', '60000', '--exit', '--forbid-only', '--reporter', REPORTER];
  if (isCi) options.push('--retries', '1');
  const ignored = (part.ignored ?? []).flatMap((spec) => ['--ignore', spec]);
  const child = spawn('mocha', [...options, ...ignored, ...mochaArguments, ...part.specs], {
    env: { ...process.env, ...environmentOf(part) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  }
  const status = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      chunks.push(Buffer.from(`${error.message}\n`));
      resolve(1);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
  const output = Buffer.concat(chunks).toString('utf8');
  const seconds = Math.round((performance.now() - begun) / 1000);
  say(`\n== ${title}\n${output.trimEnd()}`);
  const [passing, failing, pending] = [
    count(output, 'passing'),
    count(output, 'failing'),
    count(output, 'pending'),
  ];
  // Broken off before its summary, or a --forbid-… that only the exit code tells.
  const hasFailed = status !== 0 || passing + failing === 0;
  const unsteady = [...output.matchAll(/^UNSTEADY/gm)].length;
  return {
    part: title,
    unsteady,
    passing,
    failing: hasFailed ? Math.max(1, failing) : failing,
    pending,
    seconds,
  };
}

async function titleOf({ name, stand }: Part): Promise<string> {
  return name.startsWith('flow') ? `${name} on ${await describeStand(stand)}` : name;
}

function environmentOf({ stand }: Part): NodeJS.ProcessEnv {
  const length = isWhole ? {} : { TEST_SHORT: '1' };
  const chosen = { TEST_STORE: stand.store, TEST_SERVERS: String(stand.servers), ...length };
  if (mongo instanceof NoMongoServer) return { ...chosen, TEST_MONGO_KIND: 'none' };
  return { ...chosen, MONGODB_URL: mongo.url(''), TEST_MONGO_KIND: mongo.kind };
}

/** mocha's own summary. */
function count(output: string, word: string): number {
  return Number([...output.matchAll(new RegExp(`^ *(\\d+) ${word}\\b`, 'gm'))].at(-1)?.[1] ?? 0);
}

function report(results: readonly Result[]): void {
  const missing = mongo instanceof NoMongoServer ? mongo.message : undefined;
  const sum = (key: 'passing' | 'failing' | 'pending') =>
    results.reduce((total, result) => total + result[key], 0);
  say('\n== all');
  for (const { part, passing, failing, unsteady, seconds } of results) {
    const again = unsteady > 0 ? `, ${unsteady} UNSTEADY` : '';
    say(
      `  ${failing > 0 ? 'FAILED' : 'ok    '}  ${part}: ${passing} passed, ${failing} failed${again}, ${seconds} s`,
    );
  }
  if (missing !== undefined) say(`!!! ${missing}`);
  const failing = sum('failing') + (missing !== undefined && isCi ? 1 : 0);
  say(`\n  ${sum('passing')} passing\n  ${failing} failing\n  ${sum('pending')} pending`);
  process.exit(failing > 0 ? 1 : 0);
}
