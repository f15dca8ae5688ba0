/** `postern families`: the logins of users at clients, seen and ended. Works on the store while servers run. */
import type { Families, FamilySelector, FamilyView } from '../oidc/families.ts';
import { chosenUser } from './chosen-user.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { chosenApp, withDeployment } from './deployment.ts';
import { familiesOf } from './endings.ts';

const SELECTORS = {
  app: 'slug of the app; needed when there are several',
  user: 'of this user: id or email address',
  client: 'at this client',
  session: 'given in this sign-in session',
} as const;
const PAGE = 100;

export const familiesList: Command = {
  name: 'families list',
  summary: 'show the logins that can still be renewed, of a user, a client or a session',
  options: {
    ...SELECTORS,
    limit: `logins looked at; default ${PAGE}, at most 1000`,
    after: 'go on behind this one: the last line of the page before',
  },
  run: (_flags, surface, _operands, values) =>
    withFamilies(surface, values, async ({ families, selector }) => {
      const limit = Number(values.limit ?? PAGE);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        surface.complain('--limit is a whole number from 1 to 1000');
        return EXIT.usage;
      }
      const page = await families.list({ ...selector, limit, after: values.after });
      for (const family of page.families) surface.print(lineOf(family));
      if (page.next !== undefined) surface.print(`more: --after ${page.next}`);
      return EXIT.ok;
    }),
};

export const familiesRevoke: Command = {
  name: 'families revoke',
  summary: 'end logins with all their tokens; JWTs given before end by their own short life',
  options: { ...SELECTORS, family: 'only this one, as "families list" shows it' },
  run: (_flags, surface, _operands, values) =>
    withFamilies(surface, values, async ({ families, selector }) => {
      const ended =
        values.family === undefined
          ? await families.revokeAll(selector, 'operator')
          : await revokeOne(families, values.family);
      surface.print(`${ended} ${ended === 1 ? 'login' : 'logins'} ended`);
      return ended === 0 && values.family !== undefined ? EXIT.failed : EXIT.ok;
    }),
};

async function revokeOne(families: Families, id: string): Promise<number> {
  const family = await families.find(id);
  return family && (await families.revoke(family, 'operator')) ? 1 : 0;
}

interface Chosen {
  readonly families: Families;
  readonly selector: FamilySelector;
}

function withFamilies(
  surface: Surface,
  { app: slug, user, client, session, family }: Readonly<Record<string, string | undefined>>,
  work: (chosen: Chosen) => Promise<ExitCode>,
): Promise<ExitCode> {
  return withDeployment(surface, async (deployment) => {
    const app = chosenApp(deployment.apps, slug, surface);
    if (!app) return EXIT.usage;
    if ([user, client, session, family].every((one) => one === undefined)) {
      surface.complain('name what is meant: --user, --client or --session');
      return EXIT.usage;
    }
    const userId = user === undefined ? undefined : await chosenUser(app, user, deployment);
    if (user !== undefined && userId === undefined) {
      surface.complain(`no user ${user} in ${app.slug}`);
      return EXIT.failed;
    }
    return work({ families: familiesOf(app, deployment), selector: { userId, clientId: client, session } });
  });
}

function lineOf({ grantId, clientId, userId, ...family }: FamilyView): string {
  const parts = [
    grantId,
    `client ${clientId}`,
    `user ${userId}`,
    `since ${at(family.createdAt)}`,
    `last used ${at(family.lastUsedAt)}`,
    `ends ${at(family.expiresAt)}`,
    `scope ${family.scopes.join(', ')}`,
    family.isOffline ? 'outlives the session' : `session ${family.session ?? ''}`,
  ];
  return parts.join('  ');
}

/** ISO 8601, seconds, UTC. */
const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
