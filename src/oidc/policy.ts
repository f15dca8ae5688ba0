/** When a person has to be asked, and what: the prompts of the engine with Postern's own checks (OIDC Core §3.1.2.1). */
import { decodeJwt } from 'jose';
import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';

/** Of `state` and `nonce`: they come back as they were sent or not at all, never cut (OA-16). */
const MAX_ECHO = 2048;

const { Check, Prompt, base } = interactionPolicy;

/** @param methods the login methods of the app, as in its settings */
export function policy(methods: object): interactionPolicy.DefaultPolicy {
  const prompts = base();
  // First: who it is about comes before how that one proves it.
  prompts.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  const login = prompts.get('login');
  login?.checks.remove('id_token_hint');
  for (const check of [tooLong(), userGone(), hintedUser()]) login?.checks.add(check);
  // Before consent: what is asked last is what the client is waiting for.
  prompts.add(new Prompt({ name: 'offer', requestable: false }, offered(methods)), 2);
  const consent = prompts.get('consent');
  consent?.checks.remove('native_client_prompt');
  consent?.checks.add(nativeClient());
  return prompts;
}

function tooLong() {
  return new Check('parameter_too_long', 'state or nonce is too long', (ctx) => {
    for (const name of ['state', 'nonce']) {
      if (String(ctx.oidc.params?.[name] ?? '').length > MAX_ECHO) {
        throw new errors.InvalidRequest(`${name} must not be longer than ${MAX_ECHO} characters`);
      }
    }
    return Check.NO_NEED_TO_PROMPT;
  });
}

/** A user who was deleted or blocked since: the engine would go on without an account and fail with a 500. */
function userGone() {
  return new Check('user_gone', 'End-User authentication is required', 'login_required', (ctx) =>
    ctx.oidc.session?.accountId !== undefined && ctx.oidc.account === undefined
      ? Check.REQUEST_PROMPT
      : Check.NO_NEED_TO_PROMPT,
  );
}

/**
 * The person named by the hint, or an error: whoever signed in as somebody else for this request is not asked again and
 * again (OIDC Core §3.1.2.1, ML-56).
 */
function hintedUser() {
  const description = 'id_token_hint and authenticated subject do not match';
  return new Check('id_token_hint', description, 'login_required', (ctx) => {
    const hint = ctx.oidc.params?.id_token_hint;
    // Its signature was checked when the request came in; the engine does not look at it again on resume.
    if (typeof hint !== 'string' || decodeJwt(hint).sub === ctx.oidc.session?.accountId)
      return Check.NO_NEED_TO_PROMPT;
    if (resultOf(ctx)?.login !== undefined) throw new errors.LoginRequired(description);
    return Check.REQUEST_PROMPT;
  });
}

/** A sign-in that ended in an offer: made once, whatever is answered. Never with `prompt=none`, which nobody signs in by. */
function offered(methods: object) {
  return new Check('offer', 'End-User was offered something', 'interaction_required', (ctx) => {
    const result = resultOf(ctx);
    const isOn = new Map<unknown, unknown>(Object.entries(methods)).get(result?.offeredBy) !== undefined;
    return isOn && result?.login !== undefined && result.offer === undefined
      ? Check.REQUEST_PROMPT
      : Check.NO_NEED_TO_PROMPT;
  });
}

/** RFC 8252 §8.6, OA-53: anybody can take a custom scheme or loopback port; a person has to be there. */
function nativeClient() {
  return new Check(
    'native_client_prompt',
    'native clients require End-User interaction',
    'interaction_required',
    (ctx) => (isImpersonable(ctx) && !isAttended(ctx) ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT),
  );
}

const isImpersonable = (ctx: KoaContextWithOIDC): boolean =>
  ctx.oidc.client?.applicationType === 'native' &&
  !String(ctx.oidc.params?.redirect_uri).startsWith('https://');

function isAttended(ctx: KoaContextWithOIDC): boolean {
  const result = resultOf(ctx);
  return result?.login !== undefined || result?.consent !== undefined;
}

/** Set by the engine's resume, not declared. */
function resultOf(ctx: KoaContextWithOIDC): Submission | undefined {
  return (ctx.oidc as { result?: Submission }).result;
}

interface Submission {
  readonly login?: unknown;
  readonly consent?: unknown;
  readonly offeredBy?: unknown;
  readonly offer?: unknown;
}
