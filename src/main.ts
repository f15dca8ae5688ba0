/** The process: reads the configuration and becomes the server, or the supervisor of several. No logic. */
import cluster from 'node:cluster';
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
if (loaded.processes.workers > 1 && cluster.isPrimary) {
  const { supervise } = await import('./supervisor.ts');
  await supervise(loaded);
} else {
  const { runServer } = await import('./run-server.ts');
  await runServer(loaded);
}
