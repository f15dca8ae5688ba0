/**
 * Postern against the bare engine: full sign-ins, refreshes, tokens for services, introspections and discovery per second,
 * CPU per operation, start-up and memory. `npm run bench [-- --quick] [-- --people 16]`; a profile of one subject: `npm run bench -- --profile postern`.
 * Options of Node for the measured servers go into BENCH_NODE_OPTIONS.
 *
 * Rounds alternate between the subjects, so that whatever else the machine does hits all of them; medians are told. The
 * directory decides what a durable commit costs: figures from a RAM disk mean nothing.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Connection } from './connection.ts';
import { Load, OPERATIONS, type OperationName, type Round } from './load.ts';
import { Mailbox, startMailServer } from './mailbox.ts';
import { median, print, type Results, write } from './report.ts';
import { canPin, pinGenerator, ServerProcess } from './server-process.ts';
import { signingKey } from './sign-in.ts';
import { type StartUp, startUpCases } from './start-up.ts';
import { type Subject, type SubjectName, subjects } from './subjects.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    people: { type: 'string', default: '16' },
    dir: { type: 'string', default: '.cache' },
    /** Loads this subject alone, under Node's CPU profiler; nothing is written but the profile. */
    profile: { type: 'string' },
    /** With `profile`: what is done. */
    operation: { type: 'string', default: 'sign-in' },
  },
});

const PEOPLE = Number(options.people);
const ROUNDS = options.quick ? 3 : 7;
const COUNTS: Readonly<Record<OperationName, number>> = options.quick
  ? { 'sign-in': 400, refresh: 1000, 'client-credentials': 2000, introspection: 2000, discovery: 4000 }
  : { 'sign-in': 1500, refresh: 4000, 'client-credentials': 6000, introspection: 8000, discovery: 15000 };
const START_UPS = options.quick ? 2 : 5;
/** Below those that systems give to outgoing connections: one of them may hold a port of that range at any moment. */
const FIRST_PORT = 24_500;

async function startLoad(subject: Subject, mailbox: Mailbox): Promise<Load> {
  const server = await ServerProcess.start({
    ...subject,
    onMail: (to, text) => mailbox.deliver(to, text),
  });
  const connection = new Connection(server.port);
  const key = await signingKey(subject.issuer, connection);
  connection.close();
  const { name, issuer } = subject;
  return new Load({ name, issuer, port: server.port, key }, server, mailbox, PEOPLE);
}

async function measureLoad(loads: readonly Load[]): Promise<Pick<Results, 'rounds' | 'rss' | 'signIns'>> {
  const rounds = new Map<SubjectName, Record<OperationName, Round[]>>(
    loads.map(({ target }) => [
      target.name,
      { 'sign-in': [], refresh: [], 'client-credentials': [], introspection: [], discovery: [] },
    ]),
  );
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const operation of OPERATIONS) {
      for (const load of loads) {
        const measured = await load.round(operation, COUNTS[operation]);
        // The first round only warms up.
        if (round > 0) rounds.get(load.target.name)?.[operation].push(measured);
      }
    }
  }
  const rss = new Map<SubjectName, number>();
  for (const load of loads) rss.set(load.target.name, (await load.memory()).rss);
  return { rounds, rss, signIns: COUNTS['sign-in'] * (ROUNDS + 1) + PEOPLE };
}

async function measureStartUps(
  directory: string,
  smtpUrl: string,
  bare: Subject,
): Promise<Results['startUps']> {
  const cases = startUpCases(directory, smtpUrl, bare, FIRST_PORT);
  const all = new Map<string, StartUp[]>(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < START_UPS; round += 1) {
    for (const each of cases) all.get(each.name)?.push(await each.start(round));
  }
  return new Map(
    [...all].map(([name, starts]) => [
      name,
      {
        listeningMs: median(starts.map((start) => start.listeningMs)),
        discoveryMs: median(starts.map((start) => start.discoveryMs)),
      },
    ]),
  );
}

async function profile(subject: Subject, mailbox: Mailbox, directory: string): Promise<void> {
  const operation = OPERATIONS.find((name) => name === options.operation);
  if (!operation) throw new Error(`--operation is one of ${OPERATIONS.join(', ')}`);
  const load = await startLoad(subject, mailbox);
  // Twice before: what is compiled and optimised by then is what runs in service.
  for (let warming = 0; warming < 2; warming += 1) await load.round(operation, COUNTS[operation]);
  const { perSecond, cpuMs, mainMs } = await load.round(operation, COUNTS[operation]);
  const file = join(directory, `${subject.name}-${operation}.cpuprofile`);
  await load.profiled(file, operation, COUNTS[operation]);
  await load.close();
  console.log(
    `${operation}: ${perSecond.toFixed(1)}/s, ${cpuMs.toFixed(2)} ms CPU each, ${mainMs.toFixed(2)} of it in the main thread`,
  );
  console.log(`read the profile with: node bench/profile.ts ${file}`);
}

async function compare(
  all: readonly Subject[],
  directory: string,
  smtpUrl: string,
  mailbox: Mailbox,
): Promise<void> {
  const [bare] = all;
  if (!bare) throw new Error('nothing to compare with');
  const startUps = await measureStartUps(directory, smtpUrl, bare);
  const loads: Load[] = [];
  try {
    for (const subject of all) loads.push(await startLoad(subject, mailbox));
    const results: Results = {
      ...(await measureLoad(loads)),
      startUps,
      people: PEOPLE,
      roundsEach: ROUNDS,
      counts: COUNTS,
      isPinned: canPin,
      isQuick: options.quick,
    };
    print(results);
    if (!options.quick) write(results);
  } finally {
    await Promise.all(loads.map((load) => load.close()));
  }
}

const base = resolve(options.dir);
mkdirSync(base, { recursive: true });
const directory = mkdtempSync(join(base, 'bench-'));
pinGenerator();
const mailbox = new Mailbox();
const mailServer = await startMailServer(mailbox);
try {
  const all = subjects(directory, mailServer.url);
  const profiled = all.find(({ name }) => name === options.profile);
  if (options.profile !== undefined && !profiled) throw new Error(`no subject ${options.profile}`);
  if (profiled) await profile(profiled, mailbox, mkdtempSync(join(base, 'profile-')));
  else await compare(all, directory, mailServer.url, mailbox);
} finally {
  await mailServer.close();
  rmSync(directory, { recursive: true, force: true });
}
