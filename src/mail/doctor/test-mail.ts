/** A real mail to somebody who agreed to it: whether each transport takes one, and how long that lasts. */
import type { Clock } from '../../core/clock.ts';
import type { OutgoingMail, Transport } from '../transport.ts';
import { type Finding, fail, ok } from './finding.ts';

/**
 * @param mail makes one, each with a Message-ID of its own; its link is dead
 * @param linkStart what the link begins with, unless somebody has put another in its place (ML-05)
 */
export async function sendTestMails(
  mail: () => Promise<OutgoingMail>,
  transports: readonly Transport[],
  { clock, linkStart }: { readonly clock: Clock; readonly linkStart: string },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const transport of transports) {
    const composed = await mail();
    const began = clock.now();
    const delivery = await transport.send(composed);
    const ms = clock.now() - began;
    if (delivery.outcome === 'accepted') {
      const id = delivery.providerId === undefined ? '' : `, as ${delivery.providerId}`;
      findings.push(
        ok(
          'test-mail',
          `${transport.name} accepted a test mail after ${ms} ms${id}. Look at it: who signed it, and does its link still begin with ${linkStart}?`,
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
