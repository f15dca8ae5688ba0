/** `postern mail`: what became of the mails of an app, for those who are asked; and once more for one that went nowhere. */
import type { App } from '../apps/apps.ts';
import { CHALLENGE, type ChallengeRow, isLive } from '../challenges/challenge.ts';
import { parseEmailAddress } from '../core/email-address.ts';
import { createJobs } from '../jobs/jobs.ts';
import { silentLog } from '../lib/log.ts';
import { type LoggedMail, MailLog } from '../mail/mail-log.ts';
import { MAIL_STATUSES, type MailChange, type MailStatus, mayQueueAgain } from '../mail/mail-status.ts';
import { mailJob } from '../mail/outbox.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { chosenApp, type Deployment, withDeployment } from './deployment.ts';
import { timeOf } from './time-of.ts';

const PAGE = 500;
const LIMIT = 100;
const MAX_LIMIT = 10_000;
/** What ended without having been handed to anybody. */
const DEAD: readonly MailStatus[] = ['dead', 'expired'];

export const mailList: Command = {
  name: 'mail list',
  summary: 'show the mails of an app and what became of them, newest last',
  operands: ['app?'],
  flags: { json: 'one JSON object per line, with the whole history' },
  options: {
    address: 'only mails to exactly this address',
    status: `only of these statuses, separated by commas: ${MAIL_STATUSES.join(', ')}`,
    since:
      'asked for from then on: an ISO 8601 time, or 24h, 7d ago; default 24h, with --address everything kept',
    limit: `only so many, the newest; default ${LIMIT}, at most ${MAX_LIMIT}`,
  },
  run: (flags, surface, [slug], values) =>
    withDeployment(surface, async (deployment) => {
      const app = chosenApp(deployment.apps, slug, surface);
      if (!app) return EXIT.usage;
      const filter = filterOf(values, deployment);
      if (typeof filter === 'string') return misused(surface, filter);
      const mails = await find(app, filter, mailLogOf(deployment));
      for (const mail of mails) surface.print(flags.json ? jsonOf(app, mail) : lineOf(mail));
      if (mails.length === 0) surface.complain(`no such mails in ${app.slug}`);
      return EXIT.ok;
    }),
};

export const mailShow: Command = {
  name: 'mail show',
  summary: 'show one mail with its whole history; the id is the second column of the list',
  operands: ['app', 'id'],
  flags: { json: 'as one JSON object' },
  run: (flags, surface, [slug, id = '']) =>
    withDeployment(surface, async (deployment) => {
      const app = chosenApp(deployment.apps, slug, surface);
      if (!app) return EXIT.usage;
      const mail = await mailLogOf(deployment).find(app.id, id);
      if (!mail) return unknown(app, id, surface);
      surface.print(flags.json ? jsonOf(app, mail) : lineOf(mail));
      if (!flags.json) for (const change of mail.history) surface.print(`  ${changeOf(change)}`);
      return EXIT.ok;
    }),
};

export const mailDead: Command = {
  name: 'mail dead',
  summary: 'show the mails that were given up, of one app or of all, with the reason',
  operands: ['app?'],
  flags: { json: 'one JSON object per line, with the whole history' },
  run: (flags, surface, [slug]) =>
    withDeployment(surface, async (deployment) => {
      const { apps } = deployment;
      const one = slug === undefined ? undefined : chosenApp(apps, slug, surface);
      if (slug !== undefined && !one) return EXIT.usage;
      for (const app of one ? [one] : apps.all) {
        const filter = { statuses: DEAD, since: 0, limit: MAX_LIMIT, address: undefined };
        for (const mail of await find(app, filter, mailLogOf(deployment)))
          surface.print(flags.json ? jsonOf(app, mail) : `${app.slug}  ${lineOf(mail)}`);
      }
      return EXIT.ok;
    }),
};

export const mailRetry: Command = {
  name: 'mail retry',
  summary: 'send a mail that was given up once more, while its link lives; the running servers do it',
  operands: ['app', 'id'],
  run: (_flags, surface, [slug, id = '']) =>
    withDeployment(surface, async (deployment) => {
      const app = chosenApp(deployment.apps, slug, surface);
      if (!app) return EXIT.usage;
      const mail = await mailLogOf(deployment).find(app.id, id);
      return mail ? retry(app, mail, deployment, surface) : unknown(app, id, surface);
    }),
};

async function retry(
  app: App,
  mail: LoggedMail,
  deployment: Deployment,
  surface: Surface,
): Promise<ExitCode> {
  const { store, clock } = deployment;
  const refused = (reason: string): ExitCode => {
    surface.complain(`${app.slug}: ${reason}`);
    return EXIT.failed;
  };
  // A command that was cut short has left it queued, without a job.
  const isQueued = mail.status === 'queued';
  if (!isQueued && !mayQueueAgain(mail.status))
    return refused(`this mail is ${mail.status}: there is nothing to send again`);
  const now = clock.now();
  const challenge = await store.records.find<ChallengeRow>(app.id, CHALLENGE, mail.challenge, now);
  const isOpen = challenge?.data.status === 'pending' && isLive(challenge, now);
  if (!isOpen) return refused('its link has ended or was used; whoever waits has to ask for a new one');
  if (challenge.data.sends !== mail.send) return refused('a newer mail with the same link was asked for');
  if (!isQueued)
    await mailLogOf(deployment).note(app.id, mail.id, { status: 'queued', at: now, reason: 'operator' });
  const job = mailJob(mail);
  const jobs = createJobs({ store, clock, log: silentLog });
  const isNew = await jobs.enqueue({ ...job, data: { ...job.data, isAgain: true } });
  surface.print(`${app.slug}: ${isNew ? 'queued again' : 'is under way'}`);
  return EXIT.ok;
}

interface Filter {
  readonly address: string | undefined;
  readonly statuses: readonly MailStatus[] | undefined;
  /** ms */
  readonly since: number;
  readonly limit: number;
}

/** A sentence for the person when the options do not fit. */
function filterOf(values: Readonly<Record<string, string>>, { clock }: Deployment): Filter | string {
  const {
    address,
    status,
    since = address === undefined ? '24h' : '1970-01-01',
    limit = String(LIMIT),
  } = values;
  if (address !== undefined && !parseEmailAddress(address)) return '--address takes one plain address';
  const named = status?.split(',').map((one) => one.trim());
  const unknownStatus = named?.find((one) => !isStatus(one));
  if (unknownStatus !== undefined) return `there is no status ${unknownStatus}: ${MAIL_STATUSES.join(', ')}`;
  const from = timeOf(since, clock);
  if (from === undefined) return '--since takes an ISO 8601 time, or 30m, 24h, 7d';
  const count = Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > MAX_LIMIT)
    return `--limit is a whole number from 1 to ${MAX_LIMIT}`;
  return { address, statuses: named?.filter(isStatus), since: from, limit: count };
}

const isStatus = (text: string): text is MailStatus => (MAIL_STATUSES as readonly string[]).includes(text);

/** Oldest first. */
async function find(app: App, filter: Filter, mails: MailLog): Promise<readonly LoggedMail[]> {
  const { statuses, since, limit } = filter;
  const isWanted = (mail: LoggedMail) =>
    mail.askedAt >= since && (statuses === undefined || statuses.includes(mail.status));
  const address = parseEmailAddress(filter.address);
  if (address) {
    const all = await mails.findByAddress(app.id, address, MAX_LIMIT);
    return all.filter(isWanted).slice(0, limit).reverse();
  }
  let kept: readonly LoggedMail[] = [];
  for (let after: string | undefined; ; ) {
    const page = await mails.page(app.id, { since, limit: PAGE, ...(after === undefined ? {} : { after }) });
    kept = [...kept, ...page.filter(isWanted)].slice(-limit);
    after = page.at(-1)?.id;
    if (page.length < PAGE) return kept;
  }
}

const mailLogOf = ({ store, clock, keyring }: Deployment): MailLog => new MailLog({ store, clock, keyring });

function unknown(app: App, id: string, { complain }: Surface): ExitCode {
  complain(`no mail ${id} in ${app.slug}, or it was forgotten after mail.log_retention`);
  return EXIT.failed;
}

function misused({ complain }: Surface, reason: string): ExitCode {
  complain(reason);
  return EXIT.usage;
}

const iso = (at: number): string => new Date(at).toISOString();

function jsonOf({ slug }: App, { app: _, version: __, last: ___, history, ...mail }: LoggedMail): string {
  return JSON.stringify({ app: slug, ...mail, history });
}

function lineOf({ id, askedAt, kind, to, last }: LoggedMail): string {
  return [iso(askedAt), id, kind, to, wordsOf(last)].join('  ');
}

const changeOf = (change: MailChange): string => `${iso(change.at)}  ${wordsOf(change)}`;

function wordsOf({ status, transport, providerId, reason, nextTryAt }: MailChange): string {
  const parts = [
    status,
    transport && `by ${transport}`,
    reason && `(${reason})`,
    providerId && `as ${providerId}`,
    nextTryAt && `next try ${iso(nextTryAt)}`,
  ];
  return parts.filter((part) => part !== undefined && part !== 0 && part !== '').join(' ');
}
