/** Access tokens for XOAUTH2, from a refresh token that the mailbox's owner granted (RFC 6749 §6). */
import type { SettingsOf } from '../../config/transport-schema.ts';
import { type Clock, MINUTE, SECOND } from '../../core/clock.ts';
import type { ProviderFetch } from '../../outbound/provider-fetch.ts';
import { fieldOf, textOf } from './http-api.ts';
import type { AccessToken } from './smtp.ts';

type OAuth2 = NonNullable<SettingsOf<'smtp'>['oauth2']>;

/** As if none had been told (RFC 6749 §5.1). */
const FALLBACK_LIFE = 5 * MINUTE;
/** Of its life; the connection that it opens takes a moment. */
const MARGIN = MINUTE;

/** One call at a time; every connection of the pool gets the same token until it is about to end. */
export function createAccessToken(
  settings: OAuth2,
  { fetch: call, clock }: { readonly fetch: ProviderFetch; readonly clock: Clock },
): AccessToken {
  let kept: { readonly token: string; readonly until: number } | undefined;
  let underWay: Promise<string> | undefined;

  const renew = async (): Promise<string> => {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: settings.refresh_token,
      client_id: settings.client_id,
      ...(settings.client_secret !== undefined && { client_secret: settings.client_secret }),
      ...(settings.scope !== undefined && { scope: settings.scope }),
    });
    const answer = await call({
      method: 'POST',
      url: settings.token_url,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' },
      body: form.toString(),
    });
    if (!answer.isAnswer) throw new NoAccessToken(answer.reason);
    const json = parsed(answer.body);
    const token = textOf(json, 'access_token');
    if (answer.status !== 200 || token === undefined) {
      throw new NoAccessToken(textOf(json, 'error') ?? `HTTP ${answer.status}`);
    }
    const seconds = fieldOf(json, 'expires_in');
    const life = typeof seconds === 'number' ? seconds * SECOND : FALLBACK_LIFE;
    kept = { token, until: clock.now() + life - MARGIN };
    return token;
  };

  return async (isStale) => {
    if (!isStale && kept && kept.until > clock.now()) return kept.token;
    underWay ??= renew().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

/** `code` is what `smtp-answers.ts` shows of an error that no mail server answered. */
class NoAccessToken extends Error {
  readonly code: string;
  constructor(reason: string) {
    super('no access token');
    this.name = 'NoAccessToken';
    this.code = `no access token: ${/^[\w .-]{1,60}$/.test(reason) ? reason : 'refused'}`;
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
