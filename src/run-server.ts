/**
 * A process that answers requests: the only one, or a worker of the supervisor. Owns signals, messages of the supervisor and
 * the exit code.
 *
 * Alone, SIGTERM and SIGINT stop it in order and a second one ends it at once. As a worker it is stopped by message, and
 * ignores SIGINT, because a terminal sends that to the supervisor and to all workers.
 */
import cluster from 'node:cluster';
import process from 'node:process';
import { buildServer } from './app.ts';
import { banner } from './banner.ts';
import type { LoadResult } from './config/load.ts';
import { SECOND } from './core/clock.ts';
import { faultOf, type Log } from './lib/log.ts';
import { createLog } from './log.ts';
import { Metrics } from './metrics/metrics.ts';
import { serveMetrics } from './metrics-endpoint.ts';
import { type Serving, serve } from './serving.ts';
import { isWorkerOrder, type WorkerReport } from './worker-messages.ts';

export type Loaded = Extract<LoadResult, { ok: true }>;

/** The whole of a stop, its delay not counted. */
export const STOP_WITHIN_MS = 30 * SECOND;

export async function runServer({ config, processes, notices }: Loaded): Promise<void> {
  const worker = cluster.worker?.id;
  const log = createLog(config.logLevel, worker === undefined ? {} : { worker });
  const metrics = new Metrics();
  const server = await buildServer(config, { log, metrics, isShared: processes.workers > 1 }).catch(refused);
  const { host, port } = config;
  const serving = await serve(server, { host, port, stopDelayMs: processes.stopDelayMs }).catch(refused);
  const end = ending(serving, processes.stopDelayMs, log);
  process.on('uncaughtException', (fault) => {
    // A fault of ours in one place: what others have under way is still answered (RL-25).
    log.error({ fault: faultOf(fault) }, 'uncaught fault');
    end(1);
  });
  if (worker === undefined) {
    if (processes.metrics) await serveMetrics(processes.metrics, () => metrics.text()).catch(refused);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(0));
    process.stdout.write(banner(config, notices, server.inbox !== undefined));
  } else {
    obey(metrics, end);
  }
  // The first visitor should not wait for keys to be made.
  void server.warmUp().catch(() => undefined);
}

/** Stops in order; asked again, or when it takes too long, ends at once. */
function ending(serving: Serving, stopDelayMs: number, log: Log): (code: number) => void {
  let isEnding = false;
  return (code) => {
    if (isEnding) process.exit(1);
    isEnding = true;
    log.info({}, 'stopping');
    setTimeout(() => process.exit(1), stopDelayMs + STOP_WITHIN_MS).unref();
    serving.stop().then(
      () => process.exit(code),
      () => process.exit(1),
    );
  };
}

function obey(metrics: Metrics, end: (code: number) => void): void {
  let isStopping = false;
  const stopOnce = (): void => {
    if (!isStopping) end(0);
    isStopping = true;
  };
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', stopOnce);
  process.on('message', (order: unknown) => {
    if (!isWorkerOrder(order)) return;
    if (order.order === 'stop') stopOnce();
    else metrics.values().then((values) => report({ report: 'metrics', id: order.id, values }));
  });
}

function report(message: WorkerReport): void {
  process.send?.(message);
}

function refused(fault: unknown): never {
  process.stderr.write(`Postern cannot start: ${fault instanceof Error ? fault.message : String(fault)}\n`);
  process.exit(1);
}
