/** A real mail to somebody who agreed to it: whether each transport takes one, and how long that lasts. */
import type { Clock } from '../../core/clock.ts';
import { MINUTE } from '../../core/clock.ts';
import { randomToken } from '../../core/random.ts';
import { composeMail } from '../compose.ts';
import { SIGN_IN } from '../kinds/sign-in.ts';
import type { OutgoingMail, Transport } from '../transport.ts';
import { type Finding, fail, ok } from './finding.ts';
import { domainOf, type Patient } from './patient.ts';

/** The form of a real one; it signs nobody in, for there is no such challenge. */
export function testMail({ app, issuer }: Patient, to: string, clock: Clock): OutgoingMail {
  const now = clock.now();
  return composeMail(SIGN_IN, {
    app,
    to,
    locales: [],
    messageId: `<doctor-${randomToken()}@${domainOf(app.from.address)}>`,
    date: new Date(now),
    values: {
      link: testLink(issuer),
      code: '00000000',
      device: 'postern doctor',
      asked_at: now,
      valid_until: now + 10 * MINUTE,
      minutes: 10,
    },
  });
}

const testLink = (issuer: string): string =>
  `${issuer}/link/${'test'.padEnd(22, '0')}#${'test'.padEnd(43, '0')}`;

export async function sendTestMails(
  patient: Patient,
  transports: readonly Transport[],
  { to, clock }: { readonly to: string; readonly clock: Clock },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const transport of transports) {
    const began = clock.now();
    const delivery = await transport.send(testMail(patient, to, clock));
    const ms = clock.now() - began;
    if (delivery.outcome === 'accepted') {
      const id = delivery.providerId === undefined ? '' : `, as ${delivery.providerId}`;
      findings.push(
        ok(
          'test-mail',
          `${transport.name} accepted a test mail after ${ms} ms${id}. Look at it: who signed, and is its link still ${testLink(patient.issuer)}?`,
        ),
      );
    } else {
      const why = `${delivery.outcome}, about the ${delivery.scope}, after ${ms} ms`;
      findings.push(
        fail(
          'test-mail',
          `${transport.name} did not take a test mail: ${delivery.reason}`,
          why,
          MENDS[delivery.scope],
        ),
      );
    }
  }
  return findings;
}

const MENDS = {
  recipient: 'try another address; this one is refused by its own server, or kept on a list of the provider',
  message: 'the provider refuses what is written in it: check mail.from, brand and templates',
  transport: 'see what is said of this transport above',
} as const;
