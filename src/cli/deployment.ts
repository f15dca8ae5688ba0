/** What a command needs that works on the store of a deployment, opened as the server opens it. */
import { type App, type Apps, loadApps } from '../apps/apps.ts';
import { type Audit, createAudit } from '../audit/audit.ts';
import type { SealedPlace } from '../config/config-file.ts';
import { describeFault } from '../config/fault.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { Keyring } from '../core/keyring.ts';
import { SigningKeys } from '../oidc/keys.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/port.ts';
import { EXIT, type ExitCode, type Surface } from './command.ts';

export interface Deployment {
  readonly config: Config;
  readonly clock: Clock;
  readonly store: Store;
  readonly keyring: Keyring;
  readonly apps: Apps;
  readonly audit: Audit;
  readonly keys: SigningKeys;
  /** Values of the configuration file that are written sealed. */
  readonly sealed: readonly SealedPlace[];
}

/** Runs `work` on the store that the environment names; servers may be using it meanwhile. */
export async function withDeployment(
  { env, cwd, complain }: Surface,
  work: (deployment: Deployment) => Promise<ExitCode>,
): Promise<ExitCode> {
  const loaded = loadConfig(env, { cwd, mayMakeKey: true });
  if (!loaded.ok) {
    for (const fault of loaded.faults) complain(describeFault(fault));
    return EXIT.failed;
  }
  const { config, sealed } = loaded;
  const clock = systemClock;
  const store = openStore(config.storeUrl);
  try {
    await store.prepare();
    const keyring = new Keyring(config.secrets);
    const apps = await loadApps(config, { store, clock });
    const audit = createAudit({ store, clock });
    const keys = new SigningKeys({ store, keyring, clock, record: audit.record });
    return await work({ config, clock, store, keyring, apps, audit, keys, sealed });
  } finally {
    await store.close();
  }
}

/** The app of `--app`, or the only one; undefined, with a word to the person, when neither names one. */
export function chosenApp(
  apps: Apps,
  slug: string | undefined,
  { complain }: Pick<Surface, 'complain'>,
): App | undefined {
  const [only, ...more] = apps.all;
  const found = slug === undefined ? (more.length === 0 ? only : undefined) : apps.bySlug(slug);
  if (!found) {
    const known = apps.all.map((app) => app.slug).join(', ');
    complain(slug === undefined ? `name an app with --app: ${known}` : `no app ${slug}; there are: ${known}`);
  }
  return found;
}
