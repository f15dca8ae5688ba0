/** What the supervisor and its workers say to each other. Nothing that decides a request: that goes through the store. */
import type { MetricValues } from './metrics/metrics.ts';

export type WorkerOrder = { readonly order: 'stop' } | { readonly order: 'metrics'; readonly id: number };

export interface WorkerReport {
  readonly report: 'metrics';
  readonly id: number;
  readonly values: MetricValues;
}

/** `process` carries messages of the cluster module and of whoever started it, too. */
export const isWorkerOrder = (message: unknown): message is WorkerOrder =>
  typeof message === 'object' && message !== null && 'order' in message;

export const isWorkerReport = (message: unknown): message is WorkerReport =>
  typeof message === 'object' && message !== null && 'report' in message;
