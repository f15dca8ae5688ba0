/** Whether a provider's interface takes our credentials: by a call that changes nothing, where it has one. */
import type { TransportSettings } from '../../config/transport-schema.ts';
import { fieldOf, textOf, urlUnder } from '../transports/http-api.ts';
import { signed } from '../transports/ses.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { Instruments } from './patient.ts';

type ApiSettings = Exclude<TransportSettings, { type: 'smtp' }>;

interface Look {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What an answer says of the account; undefined leaves it to the status. */
  readonly read?: (name: string, status: number, json: unknown) => Finding | undefined;
}

export async function probeApi(
  name: string,
  settings: ApiSettings,
  instruments: Instruments,
): Promise<Finding[]> {
  const look = await lookOf(settings, instruments);
  const answer = await instruments.fetch({
    method: 'GET',
    url: look.url,
    headers: { Accept: 'application/json', 'User-Agent': 'Postern', ...look.headers },
  });
  const { host } = new URL(look.url);
  if (!answer.isAnswer) {
    const mend = 'check base_url or url, and that the firewall lets it out';
    return [
      fail(
        'api.connect',
        `${name}: ${host} cannot be reached (${answer.reason})`,
        'no mail leaves by it',
        mend,
      ),
    ];
  }
  const clock = clockFinding(name, answer.headers.date, instruments);
  const read = look.read?.(name, answer.status, jsonOf(answer.body)) ?? byStatus(name, host, answer.status);
  return clock ? [read, clock] : [read];
}

function byStatus(name: string, host: string, status: number): Finding {
  if (status >= 200 && status < 300) return ok('api.auth', `${name}: ${host} takes the credentials`);
  if (status === 401 || status === 403) return refused(name, host, status);
  const mend = 'look at the status page of the provider, and at base_url';
  return warn(
    'api.auth',
    `${name}: ${host} answers ${status}`,
    'whether it takes the credentials cannot be told',
    mend,
  );
}

const refused = (name: string, host: string, status: number): Finding =>
  fail(
    'api.auth',
    `${name}: ${host} refuses the credentials (${status})`,
    'every mail by it is refused',
    'make a new key there, and seal it: npm run postern -- secret seal',
  );

async function lookOf(settings: ApiSettings, { clock }: Instruments): Promise<Look> {
  switch (settings.type) {
    case 'postmark':
      return {
        url: urlUnder(settings.base_url, '/server'),
        headers: { 'X-Postmark-Server-Token': settings.server_token },
      };
    case 'sendgrid':
      return { ...bearer(settings, '/v3/scopes'), read: readScopes };
    case 'mailgun': {
      const basic = Buffer.from(`api:${settings.api_key}`).toString('base64');
      return {
        url: urlUnder(settings.base_url, `/v4/domains/${settings.domain}`),
        headers: { Authorization: `Basic ${basic}` },
        read: readMailgun,
      };
    }
    case 'resend':
      return { ...bearer(settings, '/domains'), read: readResend };
    case 'brevo':
      return { url: urlUnder(settings.base_url, '/v3/account'), headers: { 'api-key': settings.api_key } };
    case 'ses': {
      const url = urlUnder(
        settings.base_url ?? `https://email.${settings.region}.amazonaws.com`,
        '/v2/email/account',
      );
      return { url, headers: await signed(settings, { url, method: 'GET' }, clock), read: readSes };
    }
    case 'http':
      // A receiver of one's own: that something answers is all that can be asked without sending.
      return {
        url: settings.url,
        headers: {},
        read: (name, status) =>
          ok('api.connect', `${name}: ${new URL(settings.url).host} answers (${status})`),
      };
  }
}

const bearer = ({ base_url, api_key }: { base_url: string; api_key: string }, path: string): Look => ({
  url: urlUnder(base_url, path),
  headers: { Authorization: `Bearer ${api_key}` },
});

function readScopes(name: string, status: number, json: unknown): Finding | undefined {
  const scopes = fieldOf(json, 'scopes');
  if (status !== 200 || !Array.isArray(scopes) || scopes.includes('mail.send')) return undefined;
  return fail(
    'api.auth',
    `${name}: the key may not send mail`,
    'every mail by it is refused',
    'give it the permission Mail Send',
  );
}

/** A domain sending key may send and nothing else. */
function readMailgun(name: string, status: number): Finding | undefined {
  if (status !== 401 && status !== 403) return undefined;
  return warn(
    'api.auth',
    `${name}: the key may not look at the domain`,
    'a domain sending key may not, and a wrong one neither',
    'send a test mail: --send-to',
  );
}

function readResend(name: string, status: number, json: unknown): Finding | undefined {
  // A key that may only send is told so; a wrong one is not known at all.
  return status === 401 && textOf(json, 'name') === 'restricted_api_key'
    ? ok('api.auth', `${name}: the key may send and nothing else, as it should be`)
    : undefined;
}

function readSes(name: string, status: number, json: unknown): Finding | undefined {
  if (
    status === 403 &&
    /not authorized to perform/i.test(textOf(json, 'message') ?? textOf(json, 'Message') ?? '')
  ) {
    return ok('api.auth', `${name}: the key is taken, and may not look at the account`);
  }
  if (status !== 200) return undefined;
  if (fieldOf(json, 'SendingEnabled') === false) {
    return fail(
      'api.auth',
      `${name}: sending is switched off for the account`,
      'every mail by it is refused',
      'ask the support of AWS, or switch it on in the console',
    );
  }
  if (fieldOf(json, 'ProductionAccessEnabled') === false) {
    return fail(
      'api.auth',
      `${name}: the account is in the sandbox`,
      'only verified recipients get mail',
      'ask for production access in the console of SES',
    );
  }
  return undefined;
}

const MAX_SKEW_SECONDS = 60;

/** A clock that is wrong makes links end early or late, and signatures be refused. */
export function clockFinding(
  name: string,
  date: string | undefined,
  { clock }: Pick<Instruments, 'clock'>,
): Finding | undefined {
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return undefined;
  const seconds = Math.round((clock.now() - theirs) / 1000);
  if (Math.abs(seconds) <= MAX_SKEW_SECONDS) return ok('clock', `the clock agrees with that of ${name}`);
  const direction = seconds > 0 ? 'ahead of' : 'behind';
  const why = 'links end at the wrong moment, mails carry the wrong date, and signatures are refused';
  return fail(
    'clock',
    `the clock is ${Math.abs(seconds)} seconds ${direction} that of ${name}`,
    why,
    'switch on time synchronisation: timedatectl set-ntp true',
  );
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
