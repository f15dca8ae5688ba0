/** Composes mails in a command as the server does. */
import { silentLog } from '../lib/log.ts';
import { readTemplates } from '../mail/caged/app-templates.ts';
import { Cage } from '../mail/caged/cage.ts';
import { OperatorTemplates } from '../mail/caged/operator-templates.ts';
import { type ComposeMail, composerOf } from '../mail/composer.ts';
import type { Surface } from './command.ts';
import type { Deployment } from './deployment.ts';

export async function withComposer<Result>(
  { store, clock, apps }: Deployment,
  { complain }: Pick<Surface, 'complain'>,
  work: (tools: { readonly cage: Cage; readonly compose: ComposeMail }) => Promise<Result>,
): Promise<Result> {
  const cage = new Cage();
  const templates = new OperatorTemplates({
    // A preview uses up no alert of the server's, and writes none: it says so at once.
    store: {
      records: store.records,
      counters: { ...store.counters, hit: async () => ({ count: 1, resetsAt: 0 }) },
    },
    clock,
    cage,
    log: silentLog,
    record: async (_app, entry) => {
      if (entry.type === 'mail.template_failed')
        complain(`${entry.template} cannot be used (${entry.reason}): this is the built-in mail`);
      return '';
    },
    settingsOf: (id) => {
      const app = apps.byId(id);
      if (!app) throw new Error('no such app');
      return readTemplates(app.settings.mail);
    },
  });
  try {
    return await work({ cage, compose: composerOf(templates) });
  } finally {
    await cage.close();
  }
}
