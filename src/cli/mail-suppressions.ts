/** `postern mail suppressions`: the addresses of an app that get no mail; seen, added, taken back. Servers follow at once. */
import type { App } from '../apps/apps.ts';
import { type EmailAddress, parseEmailAddress } from '../core/email-address.ts';
import { type Suppression, Suppressions } from '../mail/suppressions.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { chosenApp, type Deployment, withDeployment } from './deployment.ts';

const PAGE = 500;

export const suppressionsList: Command = {
  name: 'mail suppressions list',
  summary: 'show the addresses of an app that get no mail, masked, with reason and end',
  operands: ['app'],
  run: (_flags, surface, [slug]) =>
    withDeployment(surface, async (deployment) => {
      const app = chosenApp(deployment.apps, slug, surface);
      if (!app) return EXIT.usage;
      const suppressions = suppressionsOf(deployment);
      let after: string | undefined;
      let count = 0;
      do {
        const page = await suppressions.list(app.id, { after, limit: PAGE });
        for (const { maskedAddress, ...held } of page.found)
          surface.print(`${maskedAddress}  ${wordsOf(held)}`);
        count += page.found.length;
        after = page.last;
      } while (after !== undefined);
      if (count === 0) surface.complain(`no address of ${app.slug} is suppressed`);
      return EXIT.ok;
    }),
};

export const suppressionsCheck: Command = onOne(
  'check',
  'say whether an address gets mail, and if not, why; the exit code is 1 when it does not',
  async ({ app, address, suppressions, surface }) => {
    const held = await suppressions.find(app.id, address);
    surface.print(held ? `suppressed: ${wordsOf(held)}` : 'gets mail');
    return held ? EXIT.failed : EXIT.ok;
  },
);

export const suppressionsAdd: Command = onOne(
  'add',
  'send no mail to an address until that is taken back',
  async ({ app, address, suppressions, surface }) => {
    const isNew = await suppressions.add(app.id, address, { reason: 'operator', by: 'operator' });
    surface.print(isNew ? `${app.slug}: suppressed` : `${app.slug}: was suppressed already`);
    return EXIT.ok;
  },
);

export const suppressionsRemove: Command = onOne(
  'remove',
  'send mail to an address again, whatever the reason was not to',
  async ({ app, address, suppressions, surface }) => {
    if (!(await suppressions.remove(app.id, address))) {
      surface.complain(`${app.slug}: this address is not suppressed`);
      return EXIT.failed;
    }
    surface.print(`${app.slug}: gets mail again; a provider may keep a list of its own`);
    return EXIT.ok;
  },
);

interface One {
  readonly app: App;
  readonly address: EmailAddress;
  readonly suppressions: Suppressions;
  readonly surface: Surface;
}

function onOne(name: string, summary: string, act: (one: One) => Promise<ExitCode>): Command {
  return {
    name: `mail suppressions ${name}`,
    summary,
    operands: ['app', 'address'],
    run: (_flags, surface, [slug, written]) =>
      withDeployment(surface, async (deployment) => {
        const app = chosenApp(deployment.apps, slug, surface);
        if (!app) return EXIT.usage;
        const address = parseEmailAddress(written);
        if (!address) {
          surface.complain('this is not one plain email address');
          return EXIT.usage;
        }
        return act({ app, address, suppressions: suppressionsOf(deployment), surface });
      }),
  };
}

export const suppressionsOf = (deployment: Deployment): Suppressions =>
  new Suppressions({
    ...deployment,
    settingsOf: (id) => deployment.apps.byId(id)?.settings.mail.suppression,
  });

function wordsOf({ reason, since, until, by, detail }: Suppression): string {
  const end = until === undefined ? 'until taken back' : `until ${dayOf(until)}`;
  return [reason, `since ${dayOf(since)}`, end, `by ${by}`, ...(detail ? [detail] : [])].join('  ');
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
