/**
 * Cost as it grows: the time of a sign-in and of a refresh with a thousand, a hundred thousand and a million people in the
 * store, each with a session, a grant and a refresh token. One server per size; rounds alternate between them, so that
 * whatever else the machine does hits all; medians, and their ratio to the smallest.
 * `node bench/scale.ts [--sizes 1000,100000,1000000] [--rounds 9] [--dir .cache] [--store mongodb://…/postern-{size}]`
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Connection } from './connection.ts';
import { Load } from './load.ts';
import { Mailbox } from './mailbox.ts';
import { populate } from './population.ts';
import { median } from './report.ts';
import { pinGenerator, ServerProcess } from './server-process.ts';
import { signingKey } from './sign-in.ts';
import { environmentOf, subjects } from './subjects.ts';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,100000,1000000' },
    rounds: { type: 'string', default: '9' },
    dir: { type: 'string', default: '.cache' },
    store: { type: 'string' },
  },
});

const PEOPLE = 4;
const COUNTS = { 'sign-in': 120, refresh: 400 } as const;
const OPERATIONS = ['sign-in', 'refresh'] as const;
type Operation = (typeof OPERATIONS)[number];

interface Sized {
  readonly size: number;
  readonly load: Load;
  /** ms per operation and ms of CPU, a pair for each round. */
  readonly took: Record<Operation, { readonly ms: number; readonly cpuMs: number }[]>;
}

async function start(directory: string, size: number): Promise<Sized> {
  const mailbox = new Mailbox();
  const subject = subjects(directory, 'smtp://127.0.0.1:9').find(({ name }) => name === 'postern');
  if (!subject) throw new Error('nothing to measure');
  const { name, issuer, entry } = subject;
  const environment: Record<string, string> = {
    ...environmentOf(directory, `size-${size}`, 'smtp://127.0.0.1:9'),
    BENCH_MAIL: 'ipc',
    LOG_LEVEL: 'warn',
  };
  if (options.store) environment.STORE_URL = options.store.replace('{size}', String(size));
  const onMail = (to: string, text: string): void => mailbox.deliver(to, text);
  // The first boot gives the app its id, which the rows of its people carry.
  await (await ServerProcess.start({ entry, environment, onMail })).stop();
  const began = performance.now();
  await populate(environment.STORE_URL ?? '', size);
  process.stdout.write(`${size} people put in within ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  const server = await ServerProcess.start({ entry, environment, onMail });
  const { port } = server;
  const key = await signingKey(issuer, new Connection(port));
  return {
    size,
    load: new Load({ name, issuer, port, key }, server, mailbox, PEOPLE),
    took: { 'sign-in': [], refresh: [] },
  };
}

mkdirSync(options.dir, { recursive: true });
const directory = mkdtempSync(join(resolve(options.dir), 'scale-'));
const all: Sized[] = [];
try {
  for (const size of options.sizes.split(',').map(Number)) all.push(await start(directory, size));
  // Not before: the stores are filled by two threads.
  pinGenerator();
  for (let round = 0; round <= Number(options.rounds); round += 1) {
    for (const operation of OPERATIONS) {
      // The other way round every second time: whoever comes first must not always be the same.
      for (const { load, took } of round % 2 === 0 ? all : all.toReversed()) {
        const { perSecond, cpuMs } = await load.round(operation, COUNTS[operation]);
        // The first round only warms up.
        if (round > 0) took[operation].push({ ms: 1000 / perSecond, cpuMs });
      }
    }
  }
} finally {
  for (const { load } of all) await load.close();
  rmSync(directory, { recursive: true, force: true });
}

process.stdout.write(
  '| people | operation | ms | ratio | CPU ms | ratio |\n| ---: | --- | ---: | ---: | ---: | ---: |\n',
);
for (const operation of OPERATIONS) {
  const medians = all.map(({ size, took }) => ({
    size,
    ms: median(took[operation].map(({ ms }) => ms)),
    cpuMs: median(took[operation].map(({ cpuMs }) => cpuMs)),
  }));
  const [base] = medians;
  for (const { size, ms, cpuMs } of medians) {
    const ratio = (value: number, of: number | undefined) => (value / (of ?? value)).toFixed(2);
    process.stdout.write(
      `| ${size} | ${operation} | ${ms.toFixed(2)} | ${ratio(ms, base?.ms)} | ${cpuMs.toFixed(2)} | ${ratio(cpuMs, base?.cpuMs)} |\n`,
    );
  }
}
