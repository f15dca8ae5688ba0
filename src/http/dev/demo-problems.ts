/** Protocol errors in plain words: what happened and what to do, the protocol's own code beside it. */
import type { Problem } from './demo-sessions.ts';

const WORDS: Readonly<Record<string, string>> = {
  access_denied: 'The sign-in was cancelled or refused. Nothing has changed; you can start again.',
  login_required:
    'The provider has no session for this browser, so it could not sign you in without asking. Sign in the usual way.',
  interaction_required: 'The provider has to ask you something first. Sign in the usual way.',
  consent_required: 'This client needs your consent first. Sign in the usual way.',
  account_selection_required: 'The provider has to ask which account to use. Sign in the usual way.',
  invalid_grant:
    'The code or refresh token is not valid any more: used before, expired or revoked. Sign in again.',
  invalid_client:
    'The provider does not know this client, or its credentials are wrong. Check client id and secret.',
  unauthorized_client: 'This client may not do that. Check its grant types in the configuration.',
  invalid_request: 'The provider did not understand the request. Its description says what is wrong.',
  invalid_redirect_uri: 'The redirect URI is not registered for this client. Compare it letter by letter.',
  invalid_scope: 'A scope was asked for that this client may not have.',
  invalid_token: 'The access token has expired or was revoked. Refresh, or sign in again.',
  server_error: 'The provider had a fault. Its log tells more.',
  temporarily_unavailable: 'The provider is busy. Try again in a moment.',
  unreachable: 'The issuer could not be reached. Is it running at this address?',
  unknown_state:
    'This browser did not begin that sign-in, or has finished it already. Start again; nothing was signed in here.',
};

const GENERAL =
  'Something went wrong between this client and the provider. The code tells which check failed.';

/** Of anything that `openid-client` throws. */
export function explain(error: unknown): Problem {
  const { code, description } = codeOf(error);
  return { code, description, text: WORDS[code] ?? GENERAL };
}

export const unknownState = (): Problem => ({
  code: 'unknown_state',
  description: undefined,
  text: WORDS.unknown_state ?? GENERAL,
});

function codeOf(error: unknown): { code: string; description: string | undefined } {
  const own = textOf(error, 'error');
  if (own !== undefined) return { code: own, description: textOf(error, 'error_description') };
  const challenge = challengeOf(error);
  if (challenge) return challenge;
  if (error instanceof TypeError && /fetch failed/.test(error.message)) {
    return { code: 'unreachable', description: textOf(error.cause, 'code') };
  }
  const code = textOf(error, 'code');
  return { code: code ?? 'fault', description: error instanceof Error ? error.message : undefined };
}

/** RFC 6750 §3: a resource server tells its error in a WWW-Authenticate challenge, which the library hands on as cause. */
function challengeOf(error: unknown): { code: string; description: string | undefined } | undefined {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const [first] = Array.isArray(cause) ? cause : [];
  const parameters: unknown =
    typeof first === 'object' && first !== null ? Reflect.get(first, 'parameters') : undefined;
  const code = textOf(parameters, 'error');
  return code === undefined ? undefined : { code, description: textOf(parameters, 'error_description') };
}

function textOf(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const text: unknown = Reflect.get(value, name);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
