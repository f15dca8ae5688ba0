/** `postern mail test-send`: a real mail through the app's transports, with made-up values: its link is dead. */

import type { App } from '../apps/apps.ts';
import { parseEmailAddress } from '../core/email-address.ts';
import { randomToken } from '../core/random.ts';
import { silentLog } from '../lib/log.ts';
import { senderOf } from '../mail/challenge-mail.ts';
import { lintMail } from '../mail/lint.ts';
import { sampleDraft } from '../mail/sample.ts';
import { mailLocale, mailText } from '../mail/texts.ts';
import type { Delivery, OutgoingMail, Transport } from '../mail/transport.ts';
import { TransportPool } from '../mail/transports/create-transports.ts';
import { createProviderFetch } from '../outbound/provider-fetch.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import type { Deployment } from './deployment.ts';
import { withComposer } from './mail-composer.ts';
import { onKind } from './mail-templates.ts';

export const mailTestSend: Command = {
  name: 'mail test-send',
  summary:
    'send a mail of this kind with made-up values, marked as a test, and say what each transport answered',
  operands: ['app', 'kind'],
  options: {
    to: 'whom to send it to',
    lang: 'language of the reader; default: that of the app',
  },
  run: (_flags, surface, operands, values) =>
    onKind(surface, operands, values, async ({ app, kind, lang, deployment }) => {
      const address = parseEmailAddress(values.to);
      if (!address) {
        surface.complain(values.to === undefined ? 'name the recipient: --to' : '--to is no email address');
        return EXIT.usage;
      }
      const { address: from } = senderOf(app);
      const draft = sampleDraft(kind, app, {
        to: address.address,
        locales: lang === undefined ? [] : [lang],
        messageId: `<test.${randomToken()}@${from.slice(from.lastIndexOf('@') + 1)}>`,
        now: deployment.clock.now(),
      });
      const mail = await withComposer(deployment, surface, ({ compose }) => compose(kind, draft));
      const marked = {
        ...mail,
        subject: mailText(mailLocale(draft.locales, draft.app.languages), 'test.subject', {
          subject: mail.subject,
        }),
      };
      for (const { severity, message } of lintMail(marked, app.settings.brand.mail_logo?.url))
        surface.complain(`${severity}: ${message}`);
      return sent(marked, app, deployment, surface);
    }),
};

/** By one transport after the other, as the server does it, but once: somebody is waiting for the answer. */
async function sent(
  mail: OutgoingMail,
  app: App,
  { config, clock }: Deployment,
  { print, complain }: Surface,
): Promise<ExitCode> {
  const pool = new TransportPool({
    clock,
    log: silentLog,
    fetch: createProviderFetch(),
    smtpUrl: config.smtpUrl,
  });
  try {
    const transports = pool.of({
      mail: app.settings.mail,
      senderDomain: mail.from.address.split('@').at(-1) ?? '',
    });
    if (transports.length === 0) {
      complain(`${app.slug} has no mail server: in development /dev/mail shows its mails instead`);
      return EXIT.failed;
    }
    for (const transport of transports) {
      const delivery = await answered(transport, mail);
      const id = delivery.outcome === 'accepted' ? delivery.providerId : delivery.reason;
      print(`${transport.name}: ${delivery.outcome}${id === undefined ? '' : ` (${id})`}`);
      if (delivery.outcome === 'accepted') return EXIT.ok;
      if (delivery.scope !== 'transport') return EXIT.failed;
    }
    return EXIT.failed;
  } finally {
    await pool.close();
  }
}

async function answered(transport: Transport, mail: OutgoingMail): Promise<Delivery> {
  try {
    return await transport.send(mail);
  } catch {
    return { outcome: 'deferred', reason: 'fault of the transport', scope: 'transport' };
  }
}
