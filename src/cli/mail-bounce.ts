/** `postern mail bounce`: takes a mail that came back from a mail server's pipe, such as an alias of Postfix or Exim. */
import { createJobs } from '../jobs/jobs.ts';
import { silentLog } from '../lib/log.ts';
import { readReport } from '../mail/feedback/dsn.ts';
import { enqueueReport } from '../mail/feedback/report-queue.ts';
import { StoreUnavailable } from '../store/port.ts';
import { type Command, EXIT } from './command.ts';
import { chosenApp, withDeployment } from './deployment.ts';

/** Of the largest mail that a server sends back; its head is enough. */
const MAX_BYTES = 1024 * 1024;

export const mailBounce: Command = {
  name: 'mail bounce',
  summary: 'take a bounce, a delay or a complaint that came back as mail from the standard input',
  operands: ['app'],
  run: async (_flags, surface, [slug]) => {
    try {
      return await withDeployment(surface, async (deployment) => {
        const app = chosenApp(deployment.apps, slug, surface);
        if (!app) return EXIT.usage;
        const text = (await surface.input?.('')) ?? '';
        const report = await readReport(Buffer.from(text).subarray(0, MAX_BYTES));
        if (!report) {
          // An out-of-office or a letter: nothing that the mail server should send back or try again.
          surface.complain('not a report on a mail');
          return EXIT.ok;
        }
        const { store, clock, keyring } = deployment;
        const jobs = createJobs({ store, clock, log: silentLog });
        await enqueueReport(jobs, keyring, app.id, report);
        await jobs.stop({ waitMs: 0 });
        return EXIT.ok;
      });
    } catch (fault) {
      if (!(fault instanceof StoreUnavailable)) throw fault;
      surface.complain('the store is away');
      return EXIT.later;
    }
  },
};
