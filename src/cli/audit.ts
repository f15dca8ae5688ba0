/** `postern audit list`: the audit log of one app, as lines for people or as JSON lines. */
import { EVENT_TEXTS } from '../audit/event-texts.ts';
import type { AuditEvent, AuditType } from '../audit/events.ts';
import { type Clock, SECOND } from '../core/clock.ts';
import { asUserId } from '../core/ids.ts';
import { chosenUser } from './chosen-user.ts';
import { type Command, EXIT } from './command.ts';
import { chosenApp, withDeployment } from './deployment.ts';
import { timeOf } from './time-of.ts';

const PAGE = 500;

export const auditList: Command = {
  name: 'audit list',
  summary: 'print the audit log of an app, oldest first',
  flags: { json: 'one JSON object per line', follow: 'go on with what is added, until interrupted' },
  options: {
    app: 'slug of the app; needed when there are several',
    type: 'only these types, separated by commas',
    user: 'only events of this user: id or email address',
    since: 'from then on: an ISO 8601 time, or 24h, 7d ago',
  },
  run: (flags, surface, _operands, values) =>
    withDeployment(surface, async (deployment) => {
      const { apps, audit, clock } = deployment;
      const app = chosenApp(apps, values.app, surface);
      if (!app) return EXIT.usage;
      const user = values.user === undefined ? undefined : await chosenUser(app, values.user, deployment);
      if (values.user !== undefined && user === undefined) {
        surface.complain(`no user ${values.user} in ${app.slug}; one who is gone has to be named by id`);
        return EXIT.failed;
      }
      const filter = filterOf(values, user, clock);
      if (typeof filter === 'string') {
        surface.complain(filter);
        return EXIT.usage;
      }
      let after: string | undefined;
      for (;;) {
        const from = after === undefined ? {} : { after };
        const { events, last } = await audit.page(app.id, { ...filter, ...from, limit: PAGE });
        for (const event of events) surface.print(flags.json ? JSON.stringify(event) : lineOf(event));
        after = last ?? after;
        if (last !== undefined) continue;
        if (!flags.follow) return EXIT.ok;
        await new Promise((resolve) => setTimeout(resolve, SECOND));
      }
    }),
};

function filterOf({ type, since }: Readonly<Record<string, string>>, user: string | undefined, clock: Clock) {
  const types = type?.split(',').map((one) => one.trim());
  const unknown = types?.find((one) => !isAuditType(one));
  if (unknown !== undefined) return `there is no type ${unknown}; see docs/reference/audit-events.md`;
  const from = since === undefined ? undefined : timeOf(since, clock);
  if (since !== undefined && from === undefined) return '--since takes an ISO 8601 time, or 30m, 24h, 7d';
  return {
    ...(types ? { types: types.filter(isAuditType) } : {}),
    ...(user === undefined ? {} : { userId: asUserId(user) }),
    ...(from === undefined ? {} : { since: from }),
  };
}

const isAuditType = (type: string): type is AuditType => Object.hasOwn(EVENT_TEXTS, type);

function lineOf({ id: _, at, app: __, type, ...rest }: AuditEvent): string {
  const members = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [new Date(at).toISOString(), type, ...members].join('  ');
}
