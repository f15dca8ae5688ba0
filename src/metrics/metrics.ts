/**
 * The numbers of one process, and their sum over several. Owns `prom-client` (buckets, text format and process metrics are
 * not what Postern exists for); the rest of the house tells what happened and knows no metric names.
 */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { DEFINITIONS, type LabelOf, type MetricName, type NameOf } from './definitions.ts';

/** As prom-client's `aggregate` takes them; they travel between processes as JSON. */
export type MetricValues = readonly object[];

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Beyond these, apps are one label value: series times apps must stay affordable. */
const MAX_APPS = 100;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE', 'PUT', 'PATCH']);
const GRANTS = new Set(['authorization_code', 'refresh_token', 'client_credentials']);

interface AppNamed {
  readonly slug: string;
}

export interface MetricsOptions {
  /** Also memory, CPU, garbage collection and event-loop lag of the process. */
  readonly withProcess?: boolean;
}

/** What is counted of an audit event. Names of providers come from the configuration: their number is bounded. */
interface EventNamed {
  readonly type: string;
  readonly method?: string;
  readonly via?: string | undefined;
  readonly provider?: string;
  readonly reason?: string | undefined;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #made = new Map<MetricName, Counter | Gauge | Histogram>();
  readonly #apps = new Set<string>();

  constructor({ withProcess = true }: MetricsOptions = {}) {
    for (const name of names()) this.#made.set(name, this.#make(name));
    if (withProcess) collectDefaultMetrics({ register: this.#registry });
  }

  request(done: {
    app: AppNamed | undefined;
    route: string;
    method: string;
    status: number;
    ms: number;
  }): void {
    const { app, route, status, ms } = done;
    const method = METHODS.has(done.method) ? done.method : 'other';
    const labels = { app: this.#app(app), route, method, status: String(status) };
    this.#count('postern_http_requests_total', labels);
    this.#observe('postern_http_request_seconds', { route }, ms / 1000);
  }

  requestRefused(): void {
    this.#count('postern_http_requests_refused_total', {});
  }

  storeCall(operation: string, outcome: 'ok' | 'conflict' | 'unavailable' | 'fault', ms: number): void {
    this.#observe('postern_store_seconds', { operation }, ms / 1000);
    if (outcome === 'unavailable' || outcome === 'fault')
      this.#count('postern_store_failures_total', { operation, outcome });
  }

  batch(size: number): void {
    this.#observe('postern_store_batch_size', {}, size);
  }

  mail(app: AppNamed | undefined, transport: string, outcome: 'accepted' | 'refused' | 'deferred'): void {
    this.#count('postern_mails_total', { app: this.#app(app), transport, outcome });
  }

  mailStatus(app: AppNamed | undefined, status: string): void {
    this.#count('postern_mail_status_total', { app: this.#app(app), status });
  }

  mailTaken(transport: string, ms: number): void {
    this.#observe('postern_mail_taken_seconds', { transport }, ms / 1000);
  }

  event(app: AppNamed | undefined, event: EventNamed): void {
    const label = this.#app(app);
    this.#count('postern_events_total', { app: label, type: event.type });
    const outcome = /^sign_in\.(succeeded|refused)$/.exec(event.type)?.[1];
    const { method = 'none' } = event;
    if (outcome !== undefined) this.#count('postern_sign_ins_total', { app: label, method, outcome });
    if (event.type === 'upstream.refused' && event.provider !== undefined && event.reason !== undefined)
      this.#count('postern_upstream_total', { app: label, provider: event.provider, outcome: event.reason });
    if (event.type === 'sign_in.succeeded' && method === 'upstream' && event.via !== undefined)
      this.#count('postern_upstream_total', { app: label, provider: event.via, outcome: 'succeeded' });
  }

  tokens(app: AppNamed, grant: unknown): void {
    this.#count('postern_tokens_total', { app: this.#app(app), grant: grantOf(grant) });
  }

  tokensRefused(app: AppNamed, grant: unknown, error: string): void {
    this.#count('postern_token_refusals_total', { app: this.#app(app), grant: grantOf(grant), error });
  }

  /** Asked when somebody looks: what costs a call of the store is not paid for all the time. */
  onLook(look: () => Promise<Look>): void {
    this.#look = look;
  }

  #look: (() => Promise<Look>) | undefined;

  async text(): Promise<string> {
    await this.#refresh();
    return this.#registry.metrics();
  }

  async values(): Promise<MetricValues> {
    await this.#refresh();
    return this.#registry.getMetricsAsJSON();
  }

  async #refresh(): Promise<void> {
    // A store that is away must not hide all other numbers, which tell exactly that.
    const now = await this.#look?.().catch(() => undefined);
    if (!now) return;
    this.#set('postern_engines', {}, now.engines);
    for (const { app, transport, state } of now.breakers)
      this.#set('postern_mail_breaker', { app: this.#app(app), transport }, BREAKER[state]);
    for (const { kind, waiting, oldestMs } of now.jobs) {
      this.#set('postern_jobs_waiting', { kind }, waiting);
      this.#set('postern_jobs_oldest_seconds', { kind }, oldestMs / 1000);
    }
  }

  #app(app: AppNamed | undefined): string {
    if (!app) return 'none';
    if (this.#apps.size < MAX_APPS) this.#apps.add(app.slug);
    return this.#apps.has(app.slug) ? app.slug : 'other';
  }

  #make(name: MetricName): Counter | Gauge | Histogram {
    const { type, help, labels, ...more } = DEFINITIONS[name];
    const common = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'counter') return new Counter(common);
    if (type === 'gauge') return new Gauge({ ...common, aggregator: 'over' in more ? more.over : 'sum' });
    return new Histogram({ ...common, buckets: 'buckets' in more ? [...more.buckets] : [] });
  }

  #count<Name extends NameOf<'counter'>>(name: Name, labels: Record<LabelOf<Name>, string>): void {
    const counter = this.#made.get(name);
    if (counter instanceof Counter) counter.inc(labels);
  }

  #observe<Name extends NameOf<'histogram'>>(
    name: Name,
    labels: Record<LabelOf<Name>, string>,
    value: number,
  ): void {
    const histogram = this.#made.get(name);
    if (histogram instanceof Histogram) histogram.observe(labels, value);
  }

  #set<Name extends NameOf<'gauge'>>(name: Name, labels: Record<LabelOf<Name>, string>, value: number): void {
    const gauge = this.#made.get(name);
    if (gauge instanceof Gauge) gauge.set(labels, value);
  }
}

const BREAKER = { closed: 0, half_open: 1, open: 2 } as const;

interface Look {
  readonly engines: number;
  readonly jobs: readonly JobsNow[];
  readonly breakers: readonly {
    readonly app: AppNamed;
    readonly transport: string;
    readonly state: keyof typeof BREAKER;
  }[];
}

export interface JobsNow {
  readonly kind: string;
  readonly waiting: number;
  readonly oldestMs: number;
}

/** One text for the values of several processes. */
export const sumUp = (values: readonly MetricValues[]): Promise<string> =>
  AggregatorRegistry.aggregate([...values]).metrics();

const grantOf = (grant: unknown): string =>
  typeof grant === 'string' && GRANTS.has(grant) ? grant : 'other';

// The keys of a constant are its names.
const names = (): readonly MetricName[] => Object.keys(DEFINITIONS) as MetricName[];
