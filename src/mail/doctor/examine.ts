/** Everything that is looked at for one app, in the order in which a person would mend it. */
import type { TransportSettings } from '../../config/transport-schema.ts';
import type { SmtpUrl } from '../transports/create-transports.ts';
import { type Finding, warn } from './finding.ts';
import { examineLogo } from './logo.ts';
import { type Instruments, type Patient, smtpServer } from './patient.ts';
import { probeApi } from './probe-api.ts';
import { probeSmtp } from './probe-smtp.ts';
import { examineSenderDns } from './sender-dns.ts';
import { examineLinkHost, examineSender, examineTracking } from './site.ts';

export async function examine(patient: Patient, instruments: Instruments): Promise<Finding[]> {
  const [site, dns, logo, ...probes] = await Promise.all([
    examineLinkHost(patient, instruments),
    examineSenderDns(patient, instruments),
    examineLogo(patient, instruments),
    ...patient.transports.map((settings) => probe(settings, instruments)),
  ]);
  const caught = warn(
    'transport',
    'no mail leaves: it is caught and shown at /dev/inbox',
    'neither SMTP_URL nor mail.smtp_url nor mail.transports is set',
    'set one of them: docs/guide/mail.md',
  );
  return [
    ...(patient.transports.length === 0 ? [caught] : []),
    ...probes.flat(),
    ...examineSender(patient),
    ...dns,
    ...site,
    ...examineTracking(patient),
    ...logo,
  ];
}

async function probe(settings: TransportSettings | SmtpUrl, instruments: Instruments): Promise<Finding[]> {
  const server = smtpServer(settings);
  const name = settings.type === 'smtp_url' ? 'smtp' : (settings.name ?? settings.type);
  if (server) return probeSmtp(name, settings, server, instruments);
  // What is no server by SMTP has an interface by HTTP.
  return settings.type === 'smtp' || settings.type === 'smtp_url'
    ? []
    : probeApi(name, settings, instruments);
}
