/**
 * The process of the crash tests: a whole Postern that kills itself at a chosen write to its store. Told over the process
 * channel which write that is, counted from the moment of being told; answers how many there were.
 */
import { createServer } from 'node:http';
import process from 'node:process';
import { buildServer } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openStore } from '../../src/store/open.ts';
import { intercepted, type Room } from '../support/intercepted-store.ts';

export interface FaultPoint {
  /** 1 = the first matching write from now on; 0 = none. */
  readonly nth: number;
  readonly when: 'before' | 'after';
  /** Only writes of this kind (records) or model (artifacts) count. */
  readonly kind?: string;
}

const WRITES: Readonly<Record<Room, readonly string[]>> = {
  records: ['insert', 'replace', 'remove'],
  oneTime: ['put', 'consume'],
  artifacts: ['upsert', 'insert', 'mark', 'remove', 'removeBy'],
  counters: ['hit'],
};

let point: FaultPoint = { nth: 0, when: 'before' };
let count = 0;

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
  // The signal arrives a moment later: nothing more may be done or answered until then.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
};

process.on('message', (next: FaultPoint) => {
  point = next;
  count = 0;
  process.send?.('armed');
});

const loaded = loadConfig(process.env);
if (!loaded.ok)
  throw new Error(`configuration: ${loaded.faults.map((fault) => JSON.stringify(fault)).join('\n')}`);
const { config } = loaded;
const store = intercepted(openStore(config.storeUrl, { log: silentLog }), (room, method, args) => {
  if (!WRITES[room].includes(method) || point.nth === 0) return undefined;
  if (point.kind !== undefined && args[1] !== point.kind) return undefined;
  count += 1;
  if (count !== point.nth) return undefined;
  if (point.when === 'before') die();
  return die;
});
const server = await buildServer(config, { store });
createServer(server.callback).listen(config.port, config.host, () => {
  process.stdout.write('Postern listens on its port\n');
});
