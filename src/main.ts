/** The process: read the configuration, build, listen, stop on a signal. No logic. */
import { createServer } from 'node:http';
import { enableCompileCache } from 'node:module';
import process from 'node:process';

// Compiled code of the last start: it halves the time until we listen.
enableCompileCache();

const { loadConfig } = await import('./config/load.ts');
const { describeFault } = await import('./config/fault.ts');

const loaded = loadConfig(process.env);
if (!loaded.ok) {
  process.stderr.write(
    `Postern cannot start:\n${loaded.faults.map((fault) => `  ${describeFault(fault)}\n`).join('')}`,
  );
  process.exit(1);
}
const { config, notices } = loaded;
const [{ buildServer }, { createLog }, { banner }] = await Promise.all([
  import('./app.ts'),
  import('./log.ts'),
  import('./banner.ts'),
]);
const server = await buildServer(config, { log: createLog(config.logLevel) });

const http = createServer(
  { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 },
  server.callback,
);
http.maxRequestsPerSocket = 10_000;
http.listen(config.port, config.host, () => {
  process.stdout.write(banner(config, notices, server.inbox !== undefined));
  // The first visitor should not wait for keys to be made.
  void server.warmUp().catch(() => undefined);
});
http.on('error', (error) => {
  process.stderr.write(`Postern cannot listen on ${config.host}:${config.port}: ${error.message}\n`);
  process.exit(1);
});

const stop = (): void => {
  http.close();
  http.closeIdleConnections();
  setTimeout(() => process.exit(1), 30_000).unref();
  void server.close().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
