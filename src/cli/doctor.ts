/** `postern doctor`: what keeps the mail of an app from arriving, and what to do about it. Sends nothing unless told to. */
import type { App } from '../apps/apps.ts';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../core/clock.ts';
import { parseEmailAddress } from '../core/email-address.ts';
import { randomToken } from '../core/random.ts';
import { silentLog } from '../lib/log.ts';
import { mailAppOf } from '../mail/challenge-mail.ts';
import { examine } from '../mail/doctor/examine.ts';
import type { Finding } from '../mail/doctor/finding.ts';
import { domainOf, type Instruments, type Patient } from '../mail/doctor/patient.ts';
import { sendTestMails } from '../mail/doctor/test-mail.ts';
import { SIGN_IN } from '../mail/kinds/sign-in.ts';
import { sampleDraft } from '../mail/sample.ts';
import type { OutgoingMail } from '../mail/transport.ts';
import { createTransport, dkimKey, settingsOf } from '../mail/transports/create-transports.ts';
import { createDnsLook, type DnsLook } from '../outbound/dns-look.ts';
import { createProviderFetch } from '../outbound/provider-fetch.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { type Deployment, withDeployment } from './deployment.ts';
import { examineMails } from './doctor-mails.ts';
import { withComposer } from './mail-composer.ts';

export const doctor: Command = {
  name: 'doctor',
  summary:
    'say what keeps the mail of an app, or of all, from arriving, and how to mend it; the exit code is 1 then',
  operands: ['app?'],
  flags: { json: 'print the findings as JSON' },
  options: {
    'send-to':
      'also send a test mail through each transport to this address, and measure until it is accepted',
    dns: 'name servers to ask instead of those of the system, separated by commas',
  },
  async run(flags, surface, [slug], values) {
    const dns = nameServers(values.dns);
    const to = values['send-to'] === undefined ? undefined : parseEmailAddress(values['send-to'])?.address;
    if (dns === undefined || (values['send-to'] !== undefined && to === undefined)) {
      surface.complain(
        dns === undefined
          ? '--dns wants addresses such as 9.9.9.9'
          : '--send-to wants one plain email address',
      );
      return EXIT.usage;
    }
    return withDeployment(surface, async (deployment) => {
      const { apps } = deployment;
      const chosen = apps.all.filter((app) => slug === undefined || app.slug === slug);
      if (chosen.length === 0) {
        surface.complain(`no app ${slug}; there are: ${apps.all.map((app) => app.slug).join(', ')}`);
        return EXIT.usage;
      }
      return examineAll(chosen, deployment, { dns, to, isJson: flags.json === true }, surface);
    });
  },
};

function nameServers(written: string | undefined): DnsLook | undefined {
  try {
    return createDnsLook(written?.split(',').map((server) => server.trim()));
  } catch {
    return undefined;
  }
}

interface Wishes {
  readonly dns: DnsLook;
  readonly to: string | undefined;
  readonly isJson: boolean;
}

async function examineAll(
  apps: readonly App[],
  deployment: Deployment,
  { dns, to, isJson }: Wishes,
  surface: Surface,
): Promise<ExitCode> {
  const fetch = createProviderFetch();
  const instruments: Instruments = { dns, fetch, clock: systemClock, log: silentLog };
  const reports: { readonly app: string; readonly findings: readonly Finding[] }[] = [];
  try {
    await withComposer(deployment, surface, async ({ cage, compose }) => {
      for (const app of apps) {
        const patient = patientOf(app, deployment.config);
        const findings = await examine(patient, instruments);
        const mails = await examineMails(app, { deployment, cage, compose });
        const test = () => compose(SIGN_IN, testDraft(app, to ?? '', instruments.clock.now()));
        const sent = to === undefined ? [] : await testMails(patient, test, instruments);
        reports.push({ app: app.slug, findings: [...findings, ...mails, ...sent] });
      }
    });
  } finally {
    fetch.close();
  }
  if (isJson) surface.print(JSON.stringify(reports, undefined, 2));
  else for (const report of reports) printReport(report.app, report.findings, surface);
  return reports.some(({ findings }) => findings.some(({ level }) => level === 'fail'))
    ? EXIT.failed
    : EXIT.ok;
}

function patientOf(app: App, config: Config): Patient {
  const mailApp = mailAppOf(app);
  const { mail } = app.settings;
  const senderDomain = domainOf(mailApp.from.address);
  return {
    app: mailApp,
    issuer: app.issuer,
    production: config.production,
    transports: settingsOf({ mail, senderDomain }, config.smtpUrl),
    dkim: dkimKey(mail.dkim, senderDomain),
  };
}

/** Of the kind that matters most; a Message-ID of its own, or mailboxes would take the second for the first. */
const testDraft = (app: App, to: string, now: number) =>
  sampleDraft(SIGN_IN, app, {
    to,
    locales: [],
    messageId: `<doctor-${randomToken()}@${new URL(app.issuer).hostname}>`,
    now,
  });

async function testMails(
  patient: Patient,
  mail: () => Promise<OutgoingMail>,
  instruments: Instruments,
): Promise<Finding[]> {
  const transports = patient.transports.map((settings) =>
    createTransport(settings, patient.dkim, instruments),
  );
  try {
    const linkStart = `${patient.issuer}/link/`;
    return await sendTestMails(mail, transports, { clock: instruments.clock, linkStart });
  } finally {
    await Promise.all(transports.map((transport) => transport.close()));
  }
}

const MARKS = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const;

function printReport(slug: string, findings: readonly Finding[], { print }: Surface): void {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  print(`${slug}: ${count('fail')} wrong, ${count('warn')} doubtful, ${count('ok')} in order`);
  for (const { level, check, what, why, mend } of findings) {
    print(`  ${MARKS[level]}  ${check}: ${what}`);
    if (why !== undefined) print(`        why:  ${why}`);
    if (mend !== undefined) print(`        mend: ${mend}`);
  }
}
