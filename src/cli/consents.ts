/** `postern consents`: what people allowed third-party clients, seen and withdrawn. Running servers follow at once. */
import type { App } from '../apps/apps.ts';
import type { ConsentView } from '../oidc/consent.ts';
import { chosenUser } from './chosen-user.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { chosenApp, type Deployment, withDeployment } from './deployment.ts';
import { consentsOf, familiesOf } from './endings.ts';

const OPTIONS = {
  app: 'slug of the app; needed when there are several',
  user: 'whose: id or email address',
  client: 'only for this client',
} as const;

export const consentsList: Command = {
  name: 'consents list',
  summary: 'show what a user has allowed third-party clients',
  options: OPTIONS,
  run: (_flags, surface, _operands, values) =>
    withConsents(surface, values, async (found) => {
      if (found.length === 0) surface.complain('nothing was allowed');
      for (const one of found) surface.print(lineOf(one));
      return EXIT.ok;
    }),
};

export const consentsRevoke: Command = {
  name: 'consents revoke',
  summary: 'withdraw what a user has allowed, and end what the clients hold of that user',
  options: OPTIONS,
  run: (_flags, surface, _operands, values) =>
    withConsents(surface, values, async (found, { app, deployment, userId }) => {
      const clients = values.client === undefined ? found.map(({ clientId }) => clientId) : [values.client];
      const ends = { families: familiesOf(app, deployment), audit: deployment.audit };
      for (const clientId of clients) {
        const request = { userId, clientId, by: 'operator' } as const;
        const { withdrawn, ended } = await consentsOf(deployment).withdraw(app.id, request, ends);
        surface.print(
          `${clientId}: ${withdrawn ? 'withdrawn' : 'nothing was allowed'}, ${ended} ${ended === 1 ? 'login' : 'logins'} ended`,
        );
      }
      return EXIT.ok;
    }),
};

interface Chosen {
  readonly app: App;
  readonly deployment: Deployment;
  readonly userId: string;
}

function withConsents(
  surface: Surface,
  { app: slug, user, client }: Readonly<Record<string, string | undefined>>,
  work: (found: readonly ConsentView[], chosen: Chosen) => Promise<ExitCode>,
): Promise<ExitCode> {
  return withDeployment(surface, async (deployment) => {
    const app = chosenApp(deployment.apps, slug, surface);
    if (!app) return EXIT.usage;
    if (user === undefined) {
      surface.complain('name the user: --user');
      return EXIT.usage;
    }
    const userId = await chosenUser(app, user, deployment);
    if (userId === undefined) {
      surface.complain(`no user ${user} in ${app.slug}`);
      return EXIT.failed;
    }
    const all = await consentsOf(deployment).list(app.id, userId);
    const found = all.filter(({ clientId }) => client === undefined || clientId === client);
    return work(found, { app, deployment, userId });
  });
}

const lineOf = ({ clientId, host, scopes, at }: ConsentView): string =>
  `${clientId}  ${host}  ${scopes.join(', ')}  since ${new Date(at).toISOString().slice(0, 19)}Z`;
