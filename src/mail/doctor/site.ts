/** What a person sees of the app beside the mail: who writes, and where the link leads. */
import { getDomain } from 'tldts';
import { textOf } from '../transports/http-api.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { domainOf, type Instruments, type Patient } from './patient.ts';
import { clockFinding } from './probe-api.ts';

export function examineSender({ app, issuer }: Patient): Finding[] {
  const sender = domainOf(app.from.address);
  const { hostname } = new URL(issuer);
  if (sender === hostname || (getDomain(sender) ?? sender) === (getDomain(hostname) ?? hostname)) {
    return [ok('sender.host', `${app.from.address} writes for ${hostname}`)];
  }
  const why =
    'a mail from one domain with a link to another is what phishing looks like, to people and to filters';
  const mend = `write as an address at ${getDomain(hostname) ?? hostname} (mail.from), or give the app an issuer at ${sender}`;
  return [warn('sender.host', `${app.from.address} writes, and the link leads to ${hostname}`, why, mend)];
}

export async function examineLinkHost(
  { issuer, production }: Patient,
  instruments: Instruments,
): Promise<Finding[]> {
  const url = new URL(issuer);
  if (url.protocol !== 'https:' && production) {
    return [
      fail(
        'link.https',
        `${issuer} is not https`,
        'whoever is in between reads the link',
        'set BASE_URL or issuer to https',
      ),
    ];
  }
  const answer = await instruments.fetch({
    method: 'GET',
    url: `${issuer}/.well-known/openid-configuration`,
    headers: { Accept: 'application/json' },
  });
  if (!answer.isAnswer) {
    const why =
      'the link of every mail leads there; asked from this machine, which may see the network differently';
    const mend = `check DNS and the proxy of ${url.host}, and that the server runs`;
    return [fail('link.host', `${url.host} cannot be reached (${answer.reason})`, why, mend)];
  }
  const clock = clockFinding(url.host, answer.headers.date, instruments);
  return [hostFinding(issuer, answer.status, answer.body), ...(clock ? [clock] : [])];
}

function hostFinding(issuer: string, status: number, body: string): Finding {
  let told: string | undefined;
  try {
    told = textOf(JSON.parse(body), 'issuer');
  } catch {
    told = undefined;
  }
  if (status === 200 && told === issuer) return ok('link.host', `${issuer} answers as itself`);
  const why = 'the link of every mail leads there';
  const what = told === undefined ? `answers ${status}, and is no issuer` : `calls itself ${told}`;
  return fail(
    'link.host',
    `${issuer} ${what}`,
    why,
    'let the proxy hand this host and path to Postern, and check BASE_URL',
  );
}

/** ML-05. */
export function examineTracking({ transports }: Patient): Finding[] {
  return transports.flatMap((settings): Finding[] => {
    const why = 'a tracked link goes through a third party and loses what signs the person in';
    switch (settings.type) {
      case 'resend':
        return [
          warn(
            'tracking',
            'resend tracks by a setting of the domain, which cannot be seen from here',
            why,
            'switch click and open tracking off for the sending domain',
          ),
        ];
      case 'brevo':
        return [
          warn(
            'tracking',
            'brevo tracks by a setting of the account, which cannot be seen from here',
            why,
            'switch tracking off in its settings for transactional mail',
          ),
        ];
      case 'http':
        return [
          warn(
            'tracking',
            'what the receiver of the hook sends through cannot be seen from here',
            why,
            'switch click and open tracking off there',
          ),
        ];
      case 'ses':
        return settings.configuration_set === undefined
          ? [ok('tracking', 'ses tracks nothing without a configuration set')]
          : [
              warn(
                'tracking',
                `ses: the configuration set ${settings.configuration_set} may track opens`,
                why,
                'take the event types open and click out of it',
              ),
            ];
      default:
        return [
          ok(
            'tracking',
            `${settings.type === 'smtp_url' ? 'smtp' : (settings.name ?? settings.type)} is told with every mail to track nothing`,
          ),
        ];
    }
  });
}
