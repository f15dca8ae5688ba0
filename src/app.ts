/**
 * The composition root: makes every room and tells each what it needs of the others. Holds no rules of its own; tests
 * start here too, with a clock, a store or a transport of theirs.
 */
// First, before anything loads the engine.
import './oidc/runtime-notice.ts';
import { Accounts, userCreated } from './accounts/accounts.ts';
import { Credentials } from './accounts/credentials.ts';
import { UserAdmin } from './accounts/user-admin.ts';
import { type App, type Apps, loadApps, toldClients } from './apps/apps.ts';
import { noteClientChanges } from './apps/client-changes.ts';
import { type Audit, createAudit } from './audit/audit.ts';
import { Browsers } from './challenges/browsers.ts';
import type { Challenge } from './challenges/challenge.ts';
import { Challenges } from './challenges/challenges.ts';
import { Passes } from './challenges/passes.ts';
import type { Config } from './config/schema.ts';
import { type Clock, MINUTE, SECOND, systemClock } from './core/clock.ts';
import { parseEmailAddress } from './core/email-address.ts';
import { type AppId, asUserId } from './core/ids.ts';
import { Keyring } from './core/keyring.ts';
import { REQUEST_PATIENCE_MS } from './core/patience.ts';
import { readCookie, setCookie } from './http/cookies.ts';
import { Csrf } from './http/csrf.ts';
import { enginePages } from './http/engine-pages.ts';
import { Health } from './http/health.ts';
import { Origins, Peers } from './http/origins.ts';
import { warmUpPages } from './http/render.ts';
import { addMethodViews } from './http/rendering/templates.ts';
import { type Callback, createServer } from './http/server.ts';
import { enqueueLogouts, workOnLogouts } from './jobs/backchannel-logout.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { faultOf, type Log, silentLog } from './lib/log.ts';
import { Limits } from './limits/limits.ts';
import { templatesOfApps } from './mail/caged/app-templates.ts';
import { Cage } from './mail/caged/cage.ts';
import { OperatorTemplates } from './mail/caged/operator-templates.ts';
import { composeChallengeMail, senderOf } from './mail/challenge-mail.ts';
import { composerOf } from './mail/composer.ts';
import { Feedback } from './mail/feedback/feedback.ts';
import { workOnReports } from './mail/feedback/report-queue.ts';
import { withReturnPath } from './mail/feedback/return-path.ts';
import { MailLog, mailIdOf } from './mail/mail-log.ts';
import { reportOf } from './mail/mail-report.ts';
import { createOutbox } from './mail/outbox.ts';
import { Suppressions } from './mail/suppressions.ts';
import type { Transport } from './mail/transport.ts';
import { type CaptureTransport, createCaptureTransport, type MailShelf } from './mail/transports/capture.ts';
import { TransportPool } from './mail/transports/create-transports.ts';
import { METHODS } from './methods/index.ts';
import { mailboxProof } from './methods/mailbox/mailbox.ts';
import type { Method, MethodDefinition } from './methods/method.ts';
import type { Metrics } from './metrics/metrics.ts';
import { Consents, type Withdrawal } from './oidc/consent.ts';
import { type EndedLogin, Endings } from './oidc/endings.ts';
import { Epoch } from './oidc/epoch.ts';
import { Families } from './oidc/families.ts';
import { SigningKeys } from './oidc/keys.ts';
import { EngineRegistry } from './oidc/registry.ts';

import { createGuardedFetch, type GuardedFetch } from './outbound/guarded-fetch.ts';
import { createProviderFetch } from './outbound/provider-fetch.ts';

import { guarded } from './store/guarded.ts';
import { assertWhole } from './store/migrate.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/port.ts';

export interface Overrides {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly store?: Store;
  /** Carries every app's mail. */
  readonly transport?: Transport | readonly Transport[];
  /** Calls other servers in place of the guarded one. */
  readonly fetch?: GuardedFetch;
  /** Login methods beside those of the house. */
  readonly methods?: readonly MethodDefinition[];
  /** Told what happens; nothing is measured without it. */
  readonly metrics?: Metrics;
  /** Several processes serve this address: what development helpers keep in memory is shared through the store. */
  readonly isShared?: boolean;
  /** How long one request may wait for the store, ms; tests have less patience. */
  readonly patienceMs?: number;
  /** The development inbox, where servers that share a store share it too. */
  readonly inbox?: CaptureTransport;
  /** Also offer the generated languages; default: in development. */
  readonly pseudoLocales?: boolean;
}

export interface Server {
  readonly callback: Callback;
  readonly apps: Apps;
  readonly audit: Audit;
  readonly jobs: Jobs;
  readonly keys: SigningKeys;
  readonly users: UserAdmin;
  readonly suppressions: Suppressions;
  readonly mails: MailLog;
  /** Takes back what a user allowed a client, and ends what it holds. */
  withdrawConsent(app: App, userId: string, clientId: string, by: 'user' | 'operator'): Promise<Withdrawal>;
  /** The mails caught in development; undefined when mail really leaves. */
  readonly inbox: CaptureTransport | undefined;
  /** Work that runs by the clock: repairs and housekeeping. Tests that move the clock call it. */
  tick(): Promise<void>;
  /** Makes keys and engines of all apps, and loads what draws pages, ahead of the first visitor. */
  warmUp(): Promise<void>;
  /** Says `stopping` to probes from now on; everything else goes on. */
  retire(): void;
  /** Takes no more jobs and ends or gives back those under way, then lets go of mail servers and store. */
  close(): Promise<void>;
}

const TICK_EVERY_MS = 5 * SECOND;
/** Small writes, so that requests in between wait little; enough of them to keep up with a busy server. */
const SWEEP_LIMIT = 500;
const SWEEP_ROUNDS = 50;
const DUE_LIMIT = 100;
const STOP_WAIT_MS = MINUTE / 4;

export async function buildServer(config: Config, overrides: Overrides = {}): Promise<Server> {
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? silentLog;
  const { metrics } = overrides;
  const onBatch = (size: number): void => metrics?.batch(size);
  const store = guarded(overrides.store ?? openStore(config.storeUrl, { log, onBatch }), {
    observe: (operation, outcome, ms) => metrics?.storeCall(operation, outcome, ms),
  });
  await store.prepare();
  await assertWhole(store, clock.now());
  const keyring = new Keyring(config.secrets);
  const apps = await loadApps(config, { store, clock });
  const audit = createAudit({
    store,
    clock,
    log,
    settingsOf: (id) => apps.byId(id)?.settings.audit,
    onEvent: (app, event) => metrics?.event(apps.byId(app), event),
  });
  const jobs = createJobs({ store, clock, log });
  const credentials = new Credentials(store, clock);
  const accounts = new Accounts(store, clock, credentials);
  const limits = new Limits(store, clock);
  const browsers = new Browsers(store, clock, keyring);
  const development = config.production ? undefined : await import('./development.ts');
  const shelves = overrides.isShared ? development?.openShelves({ store, keyring, clock }) : undefined;
  const post = createPost(config, overrides, { clock, log, shelf: shelves?.mails });

  const suppressions = new Suppressions({
    store,
    clock,
    keyring,
    audit,
    settingsOf: (id) => apps.byId(id)?.settings.mail.suppression,
  });
  const challenges: Challenges = new Challenges({
    store,
    clock,
    keyring,
    limits,
    accounts,
    audit,
    suppressions,
    queueMail: (mail) => outbox.queue(mail),
    signInEvents: (id, uid, challenge) => signInEvents(apps.byId(id), uid, challenge),
  });
  const mails = new MailLog({
    store,
    clock,
    keyring,
    retentionOf: (id) => apps.byId(id)?.settings.mail.log_retention,
    onStatus: async (mail, isNew) => {
      if (isNew) metrics?.mailStatus(apps.byId(mail.app), mail.status);
      const report = reportOf(mail);
      if (report) await challenges.mailMoved(mail, report);
    },
  });
  const fromFiles = templatesOfApps(apps.all);
  const cage = new Cage();
  const compose = composerOf(
    new OperatorTemplates({
      store,
      clock,
      cage,
      log,
      record: audit.record,
      settingsOf: (id) => fromFiles.get(id) ?? { files: [], imageHosts: [] },
    }),
  );
  const outbox = createOutbox({
    jobs,
    clock,
    log,
    mails,
    transportsFor: (id) => post.transportsFor(appOf(apps, id)),
    load: async (order) => {
      const app = appOf(apps, order.app);
      const contents = await challenges.mailContents(app, order);
      if (!contents) return undefined;
      // Asked again at the last moment: a bounce of another mail may have been told since this one was queued.
      const address = parseEmailAddress(contents.to);
      if (address && (await suppressions.find(app.id, address))) return 'suppressed';
      const loaded = await composeChallengeMail(app, order, contents, keyring, compose);
      return withReturnPath(loaded, mailIdOf(order), app, keyring);
    },
    onAnswer: (mail, transport, outcome) => metrics?.mail(apps.byId(mail.app), transport.name, outcome),
    onBounced: (id, to, change) => feedback.refused(id, to, change),
    onTaken: (_app, transport, ms) => metrics?.mailTaken(transport, ms),
  });

  const pseudoLocales = overrides.pseudoLocales ?? !config.production;
  const keys = new SigningKeys({ store, keyring, clock, record: audit.record });
  await assertSecrets(apps, keys, keyring);
  const fetch =
    overrides.fetch ?? createGuardedFetch({ allow: config.outboundAllow, allowHttp: !config.production });
  const feedback = new Feedback({ store, clock, log, keyring, mails, suppressions, fetch });
  workOnReports({ jobs, keyring, apps, apply: (app, report) => feedback.applyReport(app, report, 'dsn') });
  const endings = {
    store,
    keyring,
    clock,
    epoch: new Epoch(store, clock),
    audit,
    tellClients: (app: App, logins: readonly EndedLogin[]) =>
      enqueueLogouts(jobs, app.id, toldClients(app, logins)),
  };
  const familiesOf = (app: App) => new Families(app, endings);
  const consents = new Consents(store, clock);
  const endAll = (app: App, userId: string, reason: 'user_disabled' | 'user_removed' | 'password_reset') =>
    new Endings(app, endings, familiesOf(app)).ofUser(userId, reason);
  const users = new UserAdmin({
    store,
    clock,
    audit,
    endAll,
    forgetCredentials: (app, userId) => credentials.forget(app.id, asUserId(userId)),
    forgetConsents: (app, userId) => consents.forget(app.id, userId),
  });
  const withdrawConsent: Server['withdrawConsent'] = (app, userId, clientId, by) =>
    consents.withdraw(app.id, { userId, clientId, by }, { families: familiesOf(app), audit });
  const engines: EngineRegistry = new EngineRegistry({
    ...endings,
    keys,
    log,
    findUser: (app, id) => accounts.findById(app.id, id),
    fetch,
    askingBrowser: (ctx, app) => browsers.find(app.id, readCookie(ctx, app, 'ask')),
    onTokens: (app, grant, error) =>
      error === undefined ? metrics?.tokens(app, grant) : metrics?.tokensRefused(app, grant, error),
    onInteractionEnded: (app, uid) =>
      challenges.settle(app.id, uid).catch(complain(log, 'challenges of an interaction were not closed')),
    pages: enginePages({
      accounts,
      log,
      pseudoLocales,
      renewAsking: async (ctx, app) => {
        const browser = await browsers.find(app.id, readCookie(ctx, app, 'ask'));
        const cookie = browser && (await browsers.replaceCookie(app.id, browser));
        if (cookie) setCookie(ctx, app, 'ask', cookie);
      },
      restartUrl: async (app, interaction) => (await engines.get(app)).restartUrl(interaction),
      isFinished: async (app, uid) => (await engines.get(app)).isFinished(uid),
    }),
  });
  workOnLogouts({
    jobs,
    clock,
    log,
    audit,
    fetch,
    message: async (id, { clientId, userId, sid }) => {
      const app = apps.byId(id);
      return app && (await engines.get(app)).logoutMessage(clientId, userId, sid);
    },
  });
  const signInEvents = async (app: App | undefined, uid: string, challenge: Challenge) => {
    if (!app) return { isOver: false, events: [] };
    const { isOver, events } = await (await engines.get(app)).signInEvents(uid);
    const address = parseEmailAddress(challenge.data.typed);
    const user = address && (await accounts.findByAddress(app.id, address));
    const isNew = user && user.createdAt >= (challenge.data.spent?.at ?? Infinity);
    const { clientId } = challenge.data;
    const made = isNew
      ? [{ type: 'user.created', method: 'magic_link', clientId, ...userOf(user) } as const]
      : [];
    return { isOver, events: [...events, ...made] };
  };
  const health = new Health({ store, clock, mailAge: async () => (await outbox.backlog()).oldestMs });
  const methodServices = {
    challenges,
    accounts,
    credentials,
    limits,
    keyring,
    oneTime: store.oneTime,
    audit,
    clock,
    fetch,
  };
  const mailbox = mailboxProof(methodServices);
  for (const { views } of overrides.methods ?? []) if (views !== undefined) addMethodViews(views);
  const methods: readonly Method[] = [...METHODS, ...(overrides.methods ?? [])].map(({ create }) =>
    create(methodServices),
  );
  const services = {
    engines,
    methods: [mailbox, ...methods],
    mailbox,
    keyring,
    endAll,
    accounts,
    browsers,
    passes: new Passes(store, clock),
    audit,
    csrf: new Csrf(keyring),
    pseudoLocales,
  };
  const callback = createServer({
    apps,
    origins: new Origins(apps.origins),
    peers: new Peers(config.trustedProxies),
    services,
    health,
    webhooks: feedback,
    clock,
    log,
    metrics,
    patienceMs: overrides.patienceMs ?? REQUEST_PATIENCE_MS,
    production: config.production,
    baseUrl: config.baseUrl,
    devRouters:
      development?.devRouters({
        baseUrl: config.baseUrl,
        apps,
        clock,
        inbox: post.inbox,
        shelves,
        compose,
      }) ?? [],
  });

  metrics?.onLook(async () => ({
    engines: engines.size,
    breakers: apps.all.flatMap((app) => outbox.breakers(app.id).map((one) => ({ app, ...one }))),
    jobs: await Promise.all(jobs.kinds().map(async (kind) => ({ kind, ...(await jobs.backlog(kind)) }))),
  }));

  const tick = async (): Promise<void> => {
    const repairs = [
      challenges.repair(DUE_LIMIT),
      audit.keepDue(DUE_LIMIT),
      keys.maintainDue(DUE_LIMIT, (id) => apps.byId(id)),
    ];
    // One that fails must not keep the others, nor the sweep, from their work.
    await Promise.all(repairs.map((repair) => repair.catch(complain(log, 'a repair failed'))));
    for (let round = 0; round < SWEEP_ROUNDS; round += 1) {
      if ((await store.sweep(clock.now(), SWEEP_LIMIT)) < SWEEP_LIMIT) break;
    }
  };
  const timer = setInterval(() => void tick().catch(complain(log, 'housekeeping failed')), TICK_EVERY_MS);
  timer.unref();

  return {
    callback,
    apps,
    audit,
    jobs,
    keys,
    users,
    suppressions,
    mails,
    withdrawConsent,
    inbox: post.inbox,
    tick,
    warmUp: async () => {
      for (const app of apps.all) await engines.get(app);
      for (const app of apps.all) await noteClientChanges(app, { store, clock, record: audit.record });
      // What is due depends on the settings, which may have changed since the rows were written.
      for (const app of apps.all) await keys.maintain(app);
      for (const method of methods)
        for (const warning of (await method.warmUp?.(apps.all)) ?? []) log.warn({}, warning);
      warmUpPages(new Set(apps.all.map((app) => app.settings.locale)));
    },
    retire: () => health.stop(),
    close: async () => {
      health.stop();
      clearInterval(timer);
      await jobs.stop({ waitMs: STOP_WAIT_MS });
      await post.close();
      await cage.close();
      await store.close();
    },
  };
}

/** A secret that was taken out too early is told at the start, by name, and not by a fault in the middle of a sign-in. */
async function assertSecrets(apps: Apps, keys: SigningKeys, keyring: Keyring): Promise<void> {
  const named = await Promise.all(apps.all.map((app) => keys.sealVersions(app)));
  const missing = [...new Set(named.flat())].filter((version) => !keyring.versions.includes(version));
  if (missing.length > 0) {
    throw new Error(
      `SECRET_KEY lacks the secret of version ${missing.join(', ')}, under which signing keys are sealed: ` +
        'put it back behind the others and run "postern secret reseal" (docs/guide/master-secret.md)',
    );
  }
}

function appOf(apps: Apps, id: AppId): App {
  const app = apps.byId(id);
  if (!app) throw new Error('no such app');
  return app;
}

/** What carries an app's mail: its own transports, the deployment's server, or the development inbox. */
function createPost(
  config: Config,
  overrides: Overrides,
  { clock, log, shelf }: { clock: Clock; log: Log; shelf: MailShelf | undefined },
) {
  const given = overrides.transport;
  const isSent = given || config.smtpUrl || config.production;
  const inbox = isSent ? undefined : (overrides.inbox ?? createCaptureTransport({ clock, shelf }));
  const pool = new TransportPool({ clock, log, fetch: createProviderFetch(), smtpUrl: config.smtpUrl });
  // The same objects each time: the outbox keeps what it knows of a transport by them.
  const transportsFor = (app: App): readonly Transport[] => {
    if (given) return [given].flat();
    const senderDomain = senderOf(app).address.split('@').at(-1) ?? '';
    const transports = pool.of({ mail: app.settings.mail, senderDomain });
    if (transports.length > 0) return transports;
    if (inbox) return [inbox];
    throw new Error(`no mail server for ${app.slug}`);
  };
  const close = async (): Promise<void> => {
    await Promise.all([pool.close(), inbox?.close()]);
  };
  return { inbox, transportsFor, close };
}

const userOf = ({ id, createdAt }: { readonly id: string; readonly createdAt: number }) => ({
  ...userCreated(id, createdAt),
  userId: asUserId(id),
});

const complain = (log: Log, message: string) => (fault: unknown) =>
  log.error({ fault: faultOf(fault) }, message);
