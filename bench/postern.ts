/**
 * The measured Postern: the real server as `src/main.ts` starts it, which also answers what it has used. With
 * `BENCH_MAIL=ipc` its mails go to the parent process instead of a mail server.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { buildServer } from '../src/app.ts';
import { describeFault } from '../src/config/fault.ts';
import { loadConfig } from '../src/config/load.ts';
import { createLog } from '../src/log.ts';
import type { Transport } from '../src/mail/transport.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { answerParent, tell } from './meter.ts';

const toParent: Transport = {
  name: 'ipc',
  send: async ({ to, text }) => {
    tell({ type: 'mail', to, text });
    return { outcome: 'accepted' };
  },
  close: async () => undefined,
};

const loaded = loadConfig(process.env);
if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
const { config } = loaded;
const server = await buildServer(config, {
  log: createLog(config.logLevel),
  metrics: new Metrics(),
  ...(process.env.BENCH_MAIL === 'ipc' ? { transport: toParent } : {}),
});
await server.warmUp();
const http = createServer({ keepAliveTimeout: 65_000 }, server.callback);
http.listen(0, '127.0.0.1', () => {
  // A TCP server has no string address.
  tell({ type: 'listening', port: (http.address() as AddressInfo).port });
});
answerParent(async () => {
  http.closeAllConnections();
  http.close();
  await server.close();
});
