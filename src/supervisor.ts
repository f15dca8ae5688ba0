/**
 * The parent of several workers on one port (`WORKERS`). It answers no request and opens no store: it starts workers,
 * replaces dead ones with back-off, stops them in order and adds up their metrics.
 *
 * The first worker starts alone: what a first boot makes (tables, app ids, keys) is made once, and a configuration that
 * cannot work is told once. Connections are handed out in turn by this process (node:cluster), so a dying worker takes
 * only its own with it.
 */
import cluster, { type Worker } from 'node:cluster';
import process from 'node:process';
import { banner } from './banner.ts';
import { MINUTE, monotonic, SECOND } from './core/clock.ts';
import { jitter } from './core/random.ts';
import { backOff } from './lib/back-off.ts';
import type { Log } from './lib/log.ts';
import { createLog } from './log.ts';
import { type MetricValues, sumUp } from './metrics/metrics.ts';
import { serveMetrics } from './metrics-endpoint.ts';
import { type Loaded, STOP_WITHIN_MS } from './run-server.ts';
import { isWorkerReport, type WorkerOrder } from './worker-messages.ts';

const RESTART = { first: SECOND / 4, max: 30 * SECOND } as const;
/** Whoever has lived so long was not killed by its own start. */
const STEADY_MS = MINUTE;
const METRICS_WITHIN_MS = 2 * SECOND;

export async function supervise({ config, processes, notices }: Loaded): Promise<void> {
  const log = createLog(config.logLevel, { worker: 'supervisor' });
  const workers = new Workers(log);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => workers.stop(processes.stopDelayMs + STOP_WITHIN_MS + SECOND));
  }
  await workers.start(processes.workers);
  if (processes.metrics) {
    await serveMetrics(processes.metrics, async () => sumUp(await workers.metrics())).catch((fault) => {
      process.stderr.write(`Postern cannot start: ${String(fault)}\n`);
      workers.kill();
      process.exit(1);
    });
  }
  const hasInbox = !config.production && config.smtpUrl === undefined;
  process.stdout.write(banner(config, [...notices, `${processes.workers} workers`], hasInbox));
}

class Workers {
  readonly #log: Log;
  /** Every fork that has not ended, by its id, with the time of its start. */
  readonly #living = new Map<number, { readonly worker: Worker; readonly startedAt: number }>();
  #deaths = 0;
  #isUp = false;
  #isStopping = false;
  #question = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Resolves when all listen. Ends the process when the first one cannot. */
  async start(count: number): Promise<void> {
    await this.#fork();
    await Promise.all(Array.from({ length: count - 1 }, () => this.#fork()));
    this.#isUp = true;
  }

  /** In order; asked again, or beyond the bound, at once. */
  stop(withinMs: number): void {
    if (this.#isStopping) {
      this.kill();
      process.exit(1);
    }
    this.#isStopping = true;
    this.#log.info({ workers: this.#living.size }, 'stopping');
    for (const { worker } of this.#living.values()) order(worker, { order: 'stop' });
    setTimeout(() => {
      this.kill();
      process.exit(1);
    }, withinMs).unref();
    if (this.#living.size === 0) process.exit(0);
  }

  kill(): void {
    for (const { worker } of this.#living.values()) worker.process.kill('SIGKILL');
  }

  /** Of all workers that answer in time. */
  async metrics(): Promise<readonly MetricValues[]> {
    const answers = [...this.#living.values()].map(({ worker }) => this.#ask(worker));
    return (await Promise.all(answers)).flatMap((values) => (values ? [values] : []));
  }

  #ask(worker: Worker): Promise<MetricValues | undefined> {
    this.#question += 1;
    const id = this.#question;
    return new Promise((resolve) => {
      const listen = (message: unknown): void => {
        if (isWorkerReport(message) && message.id === id) settle(message.values);
      };
      const timer = setTimeout(() => settle(undefined), METRICS_WITHIN_MS);
      const settle = (values: MetricValues | undefined): void => {
        clearTimeout(timer);
        worker.off('message', listen);
        resolve(values);
      };
      worker.on('message', listen);
      order(worker, { order: 'metrics', id });
    });
  }

  /** Resolves when it listens. */
  #fork(): Promise<void> {
    const worker = cluster.fork();
    this.#living.set(worker.id, { worker, startedAt: monotonic() });
    return new Promise((resolve) => {
      worker.once('listening', () => {
        this.#log.info({ forked: worker.id, pid: worker.process.pid }, 'worker listens');
        resolve();
      });
      worker.once('exit', (code, signal) => this.#bury(worker, signal ?? code));
    });
  }

  #bury(worker: Worker, how: string | number): void {
    const startedAt = this.#living.get(worker.id)?.startedAt ?? 0;
    this.#living.delete(worker.id);
    if (this.#isStopping) {
      if (this.#living.size === 0) process.exit(0);
      return;
    }
    // It has said why on standard error.
    if (!this.#isUp) {
      this.kill();
      process.exit(1);
    }
    this.#deaths = monotonic() - startedAt > STEADY_MS ? 1 : this.#deaths + 1;
    const pauseMs = backOff(RESTART, this.#deaths, jitter());
    this.#log.error({ forked: worker.id, how, pauseMs }, 'worker ended and will be replaced');
    setTimeout(() => {
      if (!this.#isStopping) void this.#fork();
    }, pauseMs);
  }
}

/** A worker that is just dying takes no more orders. */
function order(worker: Worker, message: WorkerOrder): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
