/**
 * Reports that `postern mail bounce` takes from a mail server, handed to the servers of the deployment: these know the page
 * that waits. Of the mail nothing is kept, for it quotes link and code of ours (ML-03); what it claims is sealed, because
 * it names addresses.
 */
import type { App } from '../../apps/apps.ts';
import { hashOf } from '../../core/hash.ts';
import type { AppId } from '../../core/ids.ts';
import type { Keyring } from '../../core/keyring.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import type { Report } from './dsn.ts';

const KIND = 'mail_report';
const CONCURRENCY = { concurrency: 4, perApp: 2 } as const;

/** The same report twice is one. */
export async function enqueueReport(
  jobs: Pick<Jobs, 'enqueue'>,
  keyring: Keyring,
  app: AppId,
  report: Report,
): Promise<void> {
  const text = JSON.stringify(report);
  const id = hashOf(KIND, app, text);
  await jobs.enqueue({ kind: KIND, id, app, data: { report: keyring.seal(app, `${KIND}:${id}`, text) } });
}

export function workOnReports(options: {
  readonly jobs: Jobs;
  readonly keyring: Keyring;
  readonly apps: { byId(id: AppId): App | undefined };
  apply(app: App, report: Report): Promise<unknown>;
}): void {
  const { jobs, keyring, apps, apply } = options;
  jobs.work(
    KIND,
    async ({ id, app: appId, data }) => {
      const app = appId && apps.byId(appId);
      if (!app || typeof data.report !== 'string') return { dead: 'no report of an app that is here' };
      // Sealed by `enqueueReport`: what opens is what it wrote.
      const report = JSON.parse(keyring.open(app.id, `${KIND}:${id}`, data.report)) as Report;
      await apply(app, report);
      return { done: true };
    },
    CONCURRENCY,
  );
}
