/**
 * `npm run test:mutants`: breaks production lines one by one, each for one threat, and runs the tests that carry its number.
 * A mutant that they do not notice has survived, and a patch that no longer applies is as bad: both fail the run. Arguments
 * are numbers of threats, `ML-21 WB-02`; none means all of them.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { MUTANTS, type Mutant } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Each in a copy of its own. */
const LANES = 2;
/** A mutant may hang what it breaks. */
const TEST_MS = 60_000;
const RUN_MS = 10 * TEST_MS;
const LEFT_OUT = new Set(['node_modules', '.git', '.cache', 'data', 'examples', 'coverage']);

type Fate = 'killed' | 'survived' | 'does not apply' | 'no test ran';

const wanted = new Set(process.argv.slice(2));
const waiting = MUTANTS.filter(({ id }) => wanted.size === 0 || wanted.has(id));
const unknown = [...wanted].filter((id) => !MUTANTS.some((mutant) => mutant.id === id));
const bad: string[] = unknown.map((id) => `${id}: there is no such mutant`);
let killed = 0;

await Promise.all(Array.from({ length: LANES }, lane));
for (const line of bad) process.stdout.write(`FAILED ${line}\n`);
process.stdout.write(`\n${killed} passed, ${bad.length} failed\n`);
process.exit(bad.length > 0 ? 1 : 0);

async function lane(): Promise<void> {
  const copy = mkdtempSync(join(tmpdir(), 'postern-mutant-'));
  try {
    cpSync(ROOT, copy, { recursive: true, filter: (source) => !LEFT_OUT.has(basename(source)) });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const { fate, output } = await fateOf(mutant, copy);
      process.stdout.write(`${fate === 'killed' ? '✔' : '✘'} ${mutant.id} ${fate}: ${mutant.file}\n`);
      if (fate === 'killed') killed += 1;
      else bad.push(`${mutant.id} ${fate}: ${mutant.file}: ${mutant.from}\n${output}`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function fateOf(
  mutant: Mutant,
  copy: string,
): Promise<{ readonly fate: Fate; readonly output: string }> {
  const file = join(copy, mutant.file);
  const source = readFileSync(file, 'utf8');
  // Twice the same line would leave open which of them the threat is about.
  if (source.split(mutant.from).length !== 2) return { fate: 'does not apply', output: '' };
  writeFileSync(
    file,
    source.replace(mutant.from, () => mutant.to),
  );
  try {
    const output = await run(mutant, copy);
    const failing = numberOf(output, 'failing');
    if (failing > 0) return { fate: 'killed', output };
    return {
      fate: numberOf(output, 'passing') > 0 ? 'survived' : 'no test ran',
      output: output.slice(-2000),
    };
  } finally {
    writeFileSync(file, source);
  }
}

function run({ id, specs }: Mutant, copy: string): Promise<string> {
  const options = ['--no-config', '--timeout', String(TEST_MS), '--exit', '--bail', '--grep', `${id}\\b`];
  const child = spawn(
    join(ROOT, 'node_modules/.bin/mocha'),
    [...options, ...specs.map((spec) => `test/${spec}.test.ts`)],
    {
      cwd: copy,
      env: { ...process.env, TEST_STORE: 'sqlite', TEST_SERVERS: '1', SLOW_FACTOR: '0.1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
  return new Promise((resolve) => {
    child.once('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
  });
}

/** Of mocha's summary. */
function numberOf(output: string, word: string): number {
  return Number(new RegExp(`^ *(\\d+) ${word}\\b`, 'm').exec(output)?.[1] ?? 0);
}
