/** What ends sessions and withdraws consent, for commands: the same code as in a server, which does the telling of clients. */
// First, before anything loads the engine.
import '../oidc/runtime-notice.ts';
import { type App, toldClients } from '../apps/apps.ts';
import { enqueueLogouts } from '../jobs/backchannel-logout.ts';
import { createJobs } from '../jobs/jobs.ts';
import { silentLog } from '../lib/log.ts';
import { Consents } from '../oidc/consent.ts';
import { Endings } from '../oidc/endings.ts';
import { Epoch } from '../oidc/epoch.ts';
import { Families } from '../oidc/families.ts';
import type { Deployment } from './deployment.ts';

export const familiesOf = (app: App, { store, clock, audit }: Deployment): Families =>
  new Families(app, {
    store,
    clock,
    epoch: new Epoch(store, clock),
    audit,
  });

export const consentsOf = ({ store, clock }: Deployment): Consents => new Consents(store, clock);

export function endingsOf(app: App, deployment: Deployment): Endings {
  const { store, clock, keyring, audit } = deployment;
  return new Endings(
    app,
    {
      store,
      clock,
      keyring,
      epoch: new Epoch(store, clock),
      audit,
      tellClients: async (told, logins) => {
        const jobs = createJobs({ store, clock, log: silentLog });
        await enqueueLogouts(jobs, told.id, toldClients(told, logins));
        await jobs.stop({ waitMs: 0 });
      },
    },
    familiesOf(app, deployment),
  );
}
