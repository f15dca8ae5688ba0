/** `postern users`: the users of an app, seen, disabled, enabled, removed. Running servers follow at once. */
import { Credentials } from '../accounts/credentials.ts';
import { UserAdmin, type UserView } from '../accounts/user-admin.ts';
import type { App } from '../apps/apps.ts';
import { asUserId } from '../core/ids.ts';
import { chosenUser } from './chosen-user.ts';
import { type Command, EXIT, type Surface } from './command.ts';
import { chosenApp, type Deployment, withDeployment } from './deployment.ts';
import { consentsOf, endingsOf } from './endings.ts';

const APP = 'slug of the app; needed when there are several';
const PAGE = 100;
const MAX_PAGE = 1000;

export const usersList: Command = {
  name: 'users list',
  summary: 'show the users of an app',
  options: {
    app: APP,
    user: 'only this one: id or email address',
    limit: `how many; default ${PAGE}, at most ${MAX_PAGE}`,
    after: 'go on behind this id',
  },
  run: (_flags, surface, _operands, { app: slug, user, limit = String(PAGE), after }) =>
    withDeployment(surface, async (deployment) => {
      const app = chosenApp(deployment.apps, slug, surface);
      if (!app) return EXIT.usage;
      const count = Number(limit);
      if (!Number.isInteger(count) || count < 1 || count > MAX_PAGE) {
        surface.complain(`--limit is a whole number from 1 to ${MAX_PAGE}`);
        return EXIT.usage;
      }
      const admin = adminOf(deployment);
      if (user !== undefined) {
        const found = await admin.find(app, (await chosenUser(app, user, deployment)) ?? '');
        if (!found) return unknown(user, app, surface);
        surface.print(lineOf(found));
        return EXIT.ok;
      }
      const users = await admin.list(app, { limit: count, ...(after === undefined ? {} : { after }) });
      for (const one of users) surface.print(lineOf(one));
      if (users.length === 0)
        surface.complain(`no ${after === undefined ? '' : 'more '}users in ${app.slug}`);
      if (users.length === count) surface.print(`more: --after ${users.at(-1)?.id}`);
      return EXIT.ok;
    }),
};

export const usersDisable = act(
  'disable',
  'end everything a user is signed in to, and let nobody sign in as that user',
  'disabled',
);
export const usersEnable = act('enable', 'let a disabled user sign in again', 'enabled');
export const usersRemove = act(
  'remove',
  'disable a user and forget the account; the address may sign up anew',
  'removed',
);

function act(name: 'disable' | 'enable' | 'remove', summary: string, done: string): Command {
  return {
    name: `users ${name}`,
    summary,
    options: { app: APP, user: 'id or email address' },
    run: (_flags, surface, _operands, { app: slug, user }) =>
      withDeployment(surface, async (deployment) => {
        const app = chosenApp(deployment.apps, slug, surface);
        if (!app) return EXIT.usage;
        if (user === undefined) {
          surface.complain('name the user: --user');
          return EXIT.usage;
        }
        const userId = await chosenUser(app, user, deployment);
        if (userId === undefined || !(await adminOf(deployment)[name](app, userId)))
          return unknown(user, app, surface);
        surface.print(`${app.slug}: ${userId} ${done}`);
        return EXIT.ok;
      }),
  };
}

function unknown(user: string, app: App, surface: Surface) {
  surface.complain(`no user ${user} in ${app.slug}`);
  return EXIT.failed;
}

const adminOf = (deployment: Deployment): UserAdmin =>
  new UserAdmin({
    ...deployment,
    endAll: (app, userId, reason) => endingsOf(app, deployment).ofUser(userId, reason),
    forgetCredentials: (app, userId) =>
      new Credentials(deployment.store, deployment.clock).forget(app.id, asUserId(userId)),
    forgetConsents: (app, userId) => consentsOf(deployment).forget(app.id, userId),
  });

const lineOf = ({ id, address, status, createdAt }: UserView): string =>
  `${id}  ${address}  ${status === 'active' ? 'active' : 'disabled'}  since ${new Date(createdAt).toISOString().slice(0, 19)}Z`;
