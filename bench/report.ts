/** The figures as a table for people, and as files beside the benchmark. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { OPERATIONS, type OperationName, type Round } from './load.ts';
import type { StartUp } from './start-up.ts';
import type { SubjectName } from './subjects.ts';

export interface Results {
  readonly rounds: ReadonlyMap<SubjectName, Readonly<Record<OperationName, readonly Round[]>>>;
  /** Resident memory at the end, bytes. */
  readonly rss: ReadonlyMap<SubjectName, number>;
  /** Made by each subject before its memory was read. */
  readonly signIns: number;
  readonly startUps: ReadonlyMap<string, StartUp>;
  readonly people: number;
  readonly roundsEach: number;
  readonly counts: Readonly<Record<OperationName, number>>;
  readonly isPinned: boolean;
  readonly isQuick: boolean;
}

const FOLDER = fileURLToPath(new URL('./results/', import.meta.url));
const MEBIBYTE = 1024 * 1024;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

export function print(results: Results): void {
  console.log(tableOf(results).join('\n'));
}

/** The table of one run as lines of Markdown. */
export function tableOf(results: Results): string[] {
  const { rounds, rss, startUps, signIns } = results;
  const figure = (name: SubjectName, operation: OperationName, of: keyof Round): number =>
    median((rounds.get(name)?.[operation] ?? []).map((round) => round[of]));
  const lines = [
    '| operation | server | per second | of bare | CPU ms each | of it main thread | CPU, bare ÷ it |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const operation of OPERATIONS) {
    for (const name of rounds.keys()) {
      const [rate, cpu] = [figure(name, operation, 'perSecond'), figure(name, operation, 'cpuMs')];
      const cells = [
        operation,
        name,
        rate.toFixed(0),
        (rate / figure('bare', operation, 'perSecond')).toFixed(2),
        cpu.toFixed(3),
        figure(name, operation, 'mainMs').toFixed(3),
        (figure('bare', operation, 'cpuMs') / cpu).toFixed(2),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  lines.push('', '| start | ms to listening | ms to discovery |', '| --- | ---: | ---: |');
  for (const [name, { listeningMs, discoveryMs }] of startUps) {
    lines.push(`| ${name} | ${listeningMs.toFixed(0)} | ${discoveryMs.toFixed(0)} |`);
  }
  lines.push('', `| memory after ${signIns} sign-ins | MiB |`, '| --- | ---: |');
  for (const [name, bytes] of rss) lines.push(`| ${name} | ${(bytes / MEBIBYTE).toFixed(0)} |`);
  return lines;
}

/** The whole run as `<date>.json`, and its table in README.md between two marks: the words around it are written by hand. */
export function write(results: Results): void {
  mkdirSync(FOLDER, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
  const plain = {
    date,
    machine,
    ...results,
    rounds: Object.fromEntries(results.rounds),
    rss: Object.fromEntries(results.rss),
    startUps: Object.fromEntries(results.startUps),
  };
  writeFileSync(`${FOLDER}${date}.json`, `${JSON.stringify(plain, undefined, 2)}\n`);
  const { people, roundsEach, isPinned } = results;
  const pinned = isPinned ? 'server and generator each on a core of its own' : 'not pinned';
  const about = `${date}, Node ${machine.node}, ${machine.cores} cores (${machine.cpu}), ${pinned}, ${people} people at once, medians of ${roundsEach} rounds.`;
  const readme = `${FOLDER}README.md`;
  const table = [BEGIN, '', about, '', ...tableOf(results), '', END].join('\n');
  const text = readFileSync(readme, 'utf8');
  writeFileSync(
    readme,
    text.slice(0, text.indexOf(BEGIN)) + table + text.slice(text.indexOf(END) + END.length),
  );
}

const BEGIN = '<!-- written by bench/run.ts -->';
const END = '<!-- end of what bench/run.ts wrote -->';
