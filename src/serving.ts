/**
 * The listening side of one process, and its end: in order, within a bound, and without failing a request (RL-19).
 *
 * 1. readiness says `stopping`, answers carry `Connection: close`, everything goes on for `stopDelayMs`;
 * 2. no more connections are taken, idle ones are closed, requests under way are answered;
 * 3. jobs under way are ended or given back, mail servers and store are let go.
 */
import { createServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Server } from './app.ts';
import { SECOND } from './core/clock.ts';

export interface ServingOptions {
  readonly host: string;
  readonly port: number;
  readonly stopDelayMs: number;
}

export interface Serving {
  /** Calling it again gives the same promise. */
  stop(): Promise<void>;
}

/** For answers under way; then their connections are cut. */
const ANSWERS_END_WITHIN_MS = 12 * SECOND;
const CLOSE_IDLE_EVERY_MS = 100;

/** Resolves once it listens; rejects when it cannot. */
export async function serve(server: Server, options: ServingOptions): Promise<Serving> {
  const answers = new Set<ServerResponse>();
  let isStopping = false;
  const http = createServer(
    // Slow heads and bodies must not hold a connection for ever (RL-15).
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      if (isStopping) response.shouldKeepAlive = false;
      answers.add(response);
      response.once('close', () => answers.delete(response));
      server.callback(request, response);
    },
  );
  http.maxRequestsPerSocket = 10_000;
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port, options.host, resolve);
  });

  const stop = async (): Promise<void> => {
    isStopping = true;
    server.retire();
    for (const response of answers) response.shouldKeepAlive = false;
    if (options.stopDelayMs > 0) await delay(options.stopDelayMs);
    await closed(http);
    await server.close();
  };
  let stopped: Promise<void> | undefined;
  return {
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

async function closed(http: HttpServer): Promise<void> {
  const idle = setInterval(() => http.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
  const bound = setTimeout(() => http.closeAllConnections(), ANSWERS_END_WITHIN_MS);
  await new Promise<void>((resolve) => {
    http.close(() => resolve());
    http.closeIdleConnections();
  });
  clearInterval(idle);
  clearTimeout(bound);
}
