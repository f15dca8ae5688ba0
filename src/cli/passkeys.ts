/** `postern passkeys`: what somebody who lost a device asks support for. Running servers follow at once. */
import { Credentials } from '../accounts/credentials.ts';
import type { App } from '../apps/apps.ts';
import { asUserId, type UserId } from '../core/ids.ts';
import { type Passkey, Passkeys } from '../methods/passkey/passkeys.ts';
import { chosenUser } from './chosen-user.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { chosenApp, withDeployment } from './deployment.ts';

const OPTIONS = {
  app: 'slug of the app; needed when there are several',
  user: 'whose: id or email address',
  passkey: 'only this one, by the id that the list shows',
} as const;

export const passkeysList: Command = {
  name: 'passkeys list',
  summary: 'show the passkeys of a user: where each is, when it was made and last used',
  options: OPTIONS,
  run: (_flags, surface, _operands, values) =>
    withPasskeys(surface, values, async (found) => {
      for (const one of found) surface.print(lineOf(one));
      return EXIT.ok;
    }),
};

export const passkeysRemove: Command = {
  name: 'passkeys remove',
  summary: 'remove passkeys of a user: the lost device, or all; sessions stay',
  options: OPTIONS,
  run: (_flags, surface, _operands, values) =>
    withPasskeys(surface, values, async (found, { app, passkeys, userId }) => {
      for (const { id, label } of found) {
        const removed = await passkeys.remove(app.id, userId, id, { by: 'operator' });
        surface.print(`${id}  ${label}  ${removed ? 'removed' : 'was gone already'}`);
      }
      return EXIT.ok;
    }),
};

interface Chosen {
  readonly app: App;
  readonly passkeys: Passkeys;
  readonly userId: UserId;
}

function withPasskeys(
  surface: Surface,
  { app: slug, user, passkey }: Readonly<Record<string, string | undefined>>,
  work: (found: readonly Passkey[], chosen: Chosen) => Promise<ExitCode>,
): Promise<ExitCode> {
  return withDeployment(surface, async (deployment) => {
    const app = chosenApp(deployment.apps, slug, surface);
    if (!app) return EXIT.usage;
    if (user === undefined) {
      surface.complain('name the user: --user');
      return EXIT.usage;
    }
    const id = await chosenUser(app, user, deployment);
    if (id === undefined) {
      surface.complain(`no user ${user} in ${app.slug}`);
      return EXIT.failed;
    }
    const { store, clock, audit } = deployment;
    const passkeys = new Passkeys({ credentials: new Credentials(store, clock), audit, clock });
    const userId = asUserId(id);
    const all = await passkeys.ofUser(app.id, userId);
    const found = all.filter((one) => passkey === undefined || one.id === passkey);
    if (found.length === 0) surface.complain(passkey === undefined ? 'no passkeys' : `no passkey ${passkey}`);
    return work(found, { app, passkeys, userId });
  });
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);

function lineOf({ id, label, createdAt, lastUsedAt, isSyncable, status }: Passkey): string {
  const used = lastUsedAt === undefined ? 'never used' : `last used ${day(lastUsedAt)}`;
  const kind = isSyncable ? 'synced' : 'on one device';
  return [id, label, kind, `made ${day(createdAt)}`, used, ...(status === 'active' ? [] : [status])].join(
    '  ',
  );
}
