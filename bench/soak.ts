/**
 * Memory over a long time at a steady load: sign-ins and refreshes at a fixed rate, what the server holds every five
 * seconds, and the slope of a straight line through what comes after the warm-up: through all samples, and through the
 * lowest of each minute, which leaves out what waits for the collector. The resident size moves in steps with it; what is in
 * use after a collection (`BENCH_NODE_OPTIONS=--expose-gc`) tells a leak sooner.
 * `node bench/soak.ts [--minutes 20] [--warm-up 6] [--rate 4] [--store sqlite|mongodb://…/database]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Connection } from './connection.ts';
import { Load } from './load.ts';
import { Mailbox } from './mailbox.ts';
import { ServerProcess } from './server-process.ts';
import { signingKey } from './sign-in.ts';
import { subjects } from './subjects.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    'warm-up': { type: 'string', default: '6' },
    /** Sign-ins a second, and as many refreshes. */
    rate: { type: 'string', default: '4' },
    store: { type: 'string', default: 'sqlite' },
  },
});

const CYCLE_MS = 5000;
const PEOPLE = 4;
const MB = 1024 * 1024;
const MINUTE = 60_000;

interface Sample {
  /** Minutes since the start. */
  readonly at: number;
  readonly mb: number;
  /** Of it in use, after a collection. */
  readonly live: number;
}

/** The sample with the least resident memory of each minute. */
function lowestOfEachMinute(samples: readonly Sample[]): Sample[] {
  const lowest = new Map<number, Sample>();
  for (const sample of samples) {
    const minute = Math.floor(sample.at);
    if (sample.mb < (lowest.get(minute)?.mb ?? Number.POSITIVE_INFINITY)) lowest.set(minute, sample);
  }
  return [...lowest.values()];
}

async function start(directory: string): Promise<Load> {
  const mailbox = new Mailbox();
  const subject = subjects(directory, 'smtp://127.0.0.1:9').find(({ name }) => name === 'postern');
  if (!subject) throw new Error('nothing to measure');
  const { name, issuer, entry } = subject;
  const store = options.store === 'sqlite' ? {} : { STORE_URL: options.store };
  const environment = { ...subject.environment, ...store, LOG_LEVEL: 'warn' };
  const onMail = (to: string, text: string): void => mailbox.deliver(to, text);
  const server = await ServerProcess.start({ entry, environment, onMail });
  const { port } = server;
  const key = await signingKey(issuer, new Connection(port));
  return new Load({ name, issuer, port, key }, server, mailbox, PEOPLE);
}

/** Least squares, MB per minute. */
function slopeOf(samples: readonly Sample[], of: 'mb' | 'live'): number {
  const mean = (value: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + value(sample), 0) / samples.length;
  const [x, y] = [mean(({ at }) => at), mean((sample) => sample[of])];
  const over = samples.reduce((sum, sample) => sum + (sample.at - x) * (sample[of] - y), 0);
  return over / samples.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
}

const directory = mkdtempSync(join(tmpdir(), 'postern-soak-'));
const load = await start(directory);
const [minutes, warmUp] = [Number(options.minutes), Number(options['warm-up'])];
const perCycle = Math.round((Number(options.rate) * CYCLE_MS) / 1000);
const samples: Sample[] = [];
const began = performance.now();
let operations = 0;
try {
  for (let cycle = 0; performance.now() - began < minutes * MINUTE; cycle += 1) {
    await load.round('sign-in', perCycle);
    await load.round('refresh', perCycle);
    operations += perCycle;
    const { rss, live, heapUsed, external, arrayBuffers } = await load.memory();
    const sample = { at: (performance.now() - began) / MINUTE, mb: rss / MB, live: live / MB };
    samples.push(sample);
    if (cycle % 2 === 0) {
      const [heap, beside, buffers] = [heapUsed, external, arrayBuffers].map((of) => (of / MB).toFixed(2));
      process.stdout.write(
        `${sample.at.toFixed(2)} min, ${sample.mb.toFixed(1)} MB resident, heap ${heap}, external ${beside}, ` +
          `array buffers ${buffers}\n`,
      );
    }
    await delay(Math.max(0, (cycle + 1) * CYCLE_MS - (performance.now() - began)));
  }
} finally {
  await load.close();
  rmSync(directory, { recursive: true, force: true });
}
const steady = samples.filter(({ at }) => at >= warmUp);
const [first, last] = [steady.at(0), steady.at(-1)];
process.stdout.write(
  `${operations} sign-ins and refreshes in ${minutes} min; after ${warmUp} min of warm-up RSS went from ` +
    `${first?.mb.toFixed(1)} to ${last?.mb.toFixed(1)} MB, slope ${(slopeOf(steady, 'mb') * 10).toFixed(2)} MB ` +
    `per 10 min (lowest of each minute ${(slopeOf(lowestOfEachMinute(steady), 'mb') * 10).toFixed(2)}); in use ${first?.live.toFixed(2)} to ${last?.live.toFixed(2)} MB, slope ${(slopeOf(steady, 'live') * 10).toFixed(2)}\n`,
);
