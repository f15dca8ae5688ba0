import { describeFault } from '../config/fault.ts';
import { loadConfig } from '../config/load.ts';
import { readTemplates } from '../mail/caged/app-templates.ts';
import { type Command, EXIT } from './command.ts';

/** Reads environment and file exactly as the server does, and leaves nothing behind. */
export const configCheck: Command = {
  name: 'config check',
  summary: 'check environment and configuration file, and report all faults',
  async run(_flags, { env, cwd, print, complain }) {
    const loaded = loadConfig(env, { cwd, mayMakeKey: false });
    if (!loaded.ok) {
      for (const fault of loaded.faults) complain(describeFault(fault));
      complain(`${loaded.faults.length} ${loaded.faults.length === 1 ? 'fault' : 'faults'}`);
      return EXIT.failed;
    }
    const refused = Object.entries(loaded.config.apps).flatMap(([slug, { mail }]) =>
      readTemplates(mail).faults.map((fault) => `CONFIG: apps.${slug}.mail.templates: ${fault}`),
    );
    for (const fault of refused) complain(fault);
    if (refused.length > 0) return EXIT.failed;
    for (const notice of loaded.notices) print(`note: ${notice}`);
    const { apps, baseUrl, production } = loaded.config;
    for (const [slug, app] of Object.entries(apps)) {
      const count = Object.keys(app.clients).length;
      const clients = count === 1 ? '1 client' : `${count} clients`;
      print(`${slug}: ${app.issuer ?? `${baseUrl}/${slug}`} (${clients})`);
    }
    print(`OK for ${production ? 'production' : 'development'}`);
    return EXIT.ok;
  },
};
