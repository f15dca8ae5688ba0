/**
 * Every number of ours that `/metrics` shows. Labels take values from small sets only: route templates, slugs, names of
 * outcomes; never an id, an address or a path (ML-02), and never what a caller may choose.
 */
interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** How the values of several workers become one; sum unless given. */
  readonly over?: 'max';
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export const DEFINITIONS = {
  postern_http_requests_total: {
    type: 'counter',
    help: 'Answered requests. The route is a template; app is its slug, `other` beyond the first 100 apps, `none` for what belongs to no app.',
    labels: ['app', 'route', 'method', 'status'],
  },
  postern_http_request_seconds: {
    type: 'histogram',
    help: 'From the head of the request to the end of its answer.',
    labels: ['route'],
    buckets: SECONDS,
  },
  postern_http_requests_refused_total: {
    type: 'counter',
    help: 'Requests that got 503 because too many were under way.',
    labels: [],
  },
  postern_store_seconds: {
    type: 'histogram',
    help: 'Calls of the store, waiting included.',
    labels: ['operation'],
    buckets: SECONDS,
  },
  postern_store_failures_total: {
    type: 'counter',
    help: 'Calls of the store that failed: `unavailable` (away, or gave no answer in time) or `fault` (an error of ours).',
    labels: ['operation', 'outcome'],
  },
  postern_store_batch_size: {
    type: 'histogram',
    help: 'Writes that shared one commit (embedded store).',
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
  },
  postern_jobs_waiting: {
    type: 'gauge',
    help: 'Jobs that wait or are under way, counted up to 1000, of all processes.',
    labels: ['kind'],
    over: 'max',
  },
  postern_jobs_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest of them.',
    labels: ['kind'],
    over: 'max',
  },
  postern_mails_total: {
    type: 'counter',
    help: 'Answers of transports: `accepted`, `deferred` to another try, `refused` for good. The transport goes by its name in the configuration.',
    labels: ['app', 'transport', 'outcome'],
  },
  postern_mail_status_total: {
    type: 'counter',
    help: 'Mails that came to a status of the mail log: `handed_over`, `accepted`, `bounced` and all others.',
    labels: ['app', 'status'],
  },
  postern_mail_taken_seconds: {
    type: 'histogram',
    help: 'From the moment a mail was asked for until a transport took it.',
    labels: ['transport'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  },
  postern_mail_breaker: {
    type: 'gauge',
    help: 'Whether a transport is used: 0 = yes, 1 = one mail tries it, 2 = it failed too often and rests.',
    labels: ['app', 'transport'],
    over: 'max',
  },
  postern_sign_ins_total: {
    type: 'counter',
    help: 'Proofs that became a sign-in, and those that were refused (sign-up closed, account blocked).',
    labels: ['app', 'method', 'outcome'],
  },
  postern_upstream_total: {
    type: 'counter',
    help: 'Visits at other providers by how they ended: `succeeded`, `denied`, `unavailable`, `misconfigured`, `bad_answer` and others.',
    labels: ['app', 'provider', 'outcome'],
  },
  postern_events_total: {
    type: 'counter',
    help: 'Audit events by type: wrong and closed codes, refresh replay and reuse, sign-outs, consent and all others.',
    labels: ['app', 'type'],
  },
  postern_tokens_total: {
    type: 'counter',
    help: 'Successful answers of the token endpoint.',
    labels: ['app', 'grant'],
  },
  postern_token_refusals_total: {
    type: 'counter',
    help: 'Refusals of the token endpoint by OAuth error code.',
    labels: ['app', 'grant', 'error'],
  },
  postern_engines: {
    type: 'gauge',
    help: 'Protocol engines in memory: apps used of late, in each process.',
    labels: [],
  },
} as const satisfies Record<string, Definition>;

export type MetricName = keyof typeof DEFINITIONS;
export type LabelOf<Name extends MetricName> = (typeof DEFINITIONS)[Name]['labels'][number];
export type NameOf<Type extends Definition['type']> = {
  [Name in MetricName]: (typeof DEFINITIONS)[Name]['type'] extends Type ? Name : never;
}[MetricName];
