/** `postern keys`: the signing keys of the apps, seen and rotated. Running servers follow within two seconds. */
import type { App } from '../apps/apps.ts';
import { type StagedGeneration, stagesOf } from '../oidc/key-set.ts';
import type { Rotation } from '../oidc/keys.ts';
import { type Command, EXIT } from './command.ts';
import { chosenApp, type Deployment, withDeployment } from './deployment.ts';

const APP = 'slug of the app; needed when there are several';

export const keysList: Command = {
  name: 'keys list',
  summary: 'show the signing keys of all apps and what becomes of them',
  options: { app: 'only this app' },
  run: (_flags, surface, _operands, { app: slug }) =>
    withDeployment(surface, async (deployment) => {
      const { apps } = deployment;
      const app = slug === undefined ? undefined : chosenApp(apps, slug, surface);
      if (slug !== undefined && !app) return EXIT.usage;
      for (const one of app ? [app] : apps.all) {
        for (const line of await linesOf(one, deployment)) surface.print(line);
      }
      return EXIT.ok;
    }),
};

export const keysRotate: Command = {
  name: 'keys rotate',
  summary: 'publish new signing keys; they sign a day later',
  flags: { emergency: 'the keys have leaked: remove them at once with all they signed; new ones sign now' },
  options: { app: APP },
  run: ({ emergency }, surface, _operands, { app: slug }) =>
    withDeployment(surface, async ({ apps, keys }) => {
      const app = chosenApp(apps, slug, surface);
      if (!app) return EXIT.usage;
      const done = emergency ? await keys.replaceAll(app) : await keys.rotate(app, 'operator');
      for (const line of told(app, done)) surface.print(line);
      return EXIT.ok;
    }),
};

async function linesOf(app: App, { keys, clock }: Deployment): Promise<readonly string[]> {
  const row = await keys.get(app);
  return stagesOf(row.data, app.settings, clock.now()).flatMap((staged) =>
    staged.generation.keys.map(
      ({ kid, alg }) => `${app.slug}  ${kid}  ${alg}  ${staged.stage.padEnd(9)}  ${fateOf(staged)}`,
    ),
  );
}

function fateOf({ stage, generation, retiresAt, publishedUntil, removedAt }: StagedGeneration): string {
  switch (stage) {
    case 'published':
      return `signs from ${at(generation.signsAt)}`;
    case 'signing':
      return retiresAt === undefined ? 'until the next rotation' : `until ${at(retiresAt)}`;
    case 'retired':
      return `published until ${at(publishedUntil)}`;
    case 'hint':
      return `checks sign-out hints until ${at(removedAt)}`;
    case 'removed':
      return 'about to be removed';
  }
}

function told(app: App, done: Rotation): readonly string[] {
  switch (done.outcome) {
    case 'published':
      return [`${app.slug}: published ${done.kids.join(', ')}; they sign from ${at(done.signsAt)}`];
    case 'pending':
      return [
        `${app.slug}: nothing done, a rotation is under way: ${done.kids.join(', ')} sign from ${at(done.signsAt)}`,
      ];
    case 'replaced':
      return [
        `${app.slug}: removed ${done.removed.join(', ')}; tokens they signed are void`,
        `${app.slug}: ${done.kids.join(', ')} sign now`,
        'Clients fetch the new keys when they meet the first; caches may hold the old set for five minutes.',
      ];
  }
}

/** ISO 8601, seconds, UTC. */
const at = (ms: number | undefined): string =>
  ms === undefined ? '' : `${new Date(ms).toISOString().slice(0, 19)}Z`;
