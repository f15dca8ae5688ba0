/**
 * Sign-in through other providers (OpenID Connect, OAuth 2.0): a button each, a visit there, and back.
 *
 * Steps inside the interaction: `upstream/{provider}` sends the browser there; `/callback/{provider}` takes what it brings
 * back and hands it to `upstream-return/{visit}`, a page whose form finishes at `upstream-finish/{visit}`: only there, below
 * the interaction's cookie, is anything redeemed or proved (design §2). Who the person is here, `accounts` decides.
 */
import { parseEmailAddress } from '../../core/email-address.ts';
import { hashOf } from '../../core/hash.ts';
import type { Page } from '../../core/page.ts';
import type {
  InteractionRequest,
  Method,
  MethodDefinition,
  MethodServices,
  Step,
  StepAnswer,
} from '../method.ts';
import { callback } from './callback.ts';
import { UpstreamClient } from './client.ts';
import { told, type UpstreamDeps } from './deps.ts';
import { refusedPage, returnPage } from './pages.ts';
import type { Identity } from './provider.ts';
import { type Configured, findProvider, providersOf } from './providers.ts';
import { upstreamSettings } from './settings.ts';
import { type Bound, type Held, Visits } from './visits.ts';

export const upstream = {
  name: 'upstream',
  settings: upstreamSettings,
  create(services: MethodServices): Method {
    const deps = {
      ...services,
      visits: new Visits(services),
      client: new UpstreamClient(services.fetch, services.clock),
    };
    return {
      name: 'upstream',
      entries: async (request) => [entry(request)],
      steps: {
        upstream: { verb: 'POST', asks: true, run: (request) => leave(request, deps) },
        'upstream-return': { verb: 'GET', run: async (request) => page(returnPage(request)) },
        'upstream-finish': { verb: 'POST', run: (request) => finish(request, deps) },
      } satisfies Record<string, Step<InteractionRequest>>,
      callback: (request) => callback(request, deps),
    };
  },
} as const satisfies MethodDefinition;

const page = (shown: Page): StepAnswer => ({ answer: 'page', page: shown });

/** The provider that was used last in this browser comes first. */
function entry(request: InteractionRequest) {
  const { last } = request.browser;
  const isLast = ({ name }: Configured): boolean => last?.method === 'upstream' && last.via === name;
  const buttons = providersOf(request.app)
    .toSorted((a, b) => Number(isLast(b)) - Number(isLast(a)))
    .map(({ name, provider }) => ({
      form: request.form(`upstream/${name}`),
      provider: provider.label,
      brand: `brand-${provider.icon}`,
      icon: provider.icon,
    }));
  return { partial: 'upstream/buttons', model: { buttons } };
}

async function leave(request: InteractionRequest, deps: UpstreamDeps): Promise<StepAnswer> {
  const { app, interaction, browser, target } = request;
  const configured = findProvider(app, target);
  if (!configured || browser.asking === undefined) return { answer: 'refused', error: 'not_found' };
  const whose = { browser: browser.asking, uid: interaction.uid, clientId: interaction.clientId };
  const visit = await deps.visits.begin(app.id, configured, whose, freshSince(request, deps));
  const url = await deps.client.authorizationUrl(configured, visit);
  if (typeof url === 'string') {
    await told(app, deps, { configured, clientId: interaction.clientId, reason: url });
    return page(refusedPage(request, configured, url));
  }
  return { answer: 'redirect', url: url.href, name: configured.provider.label };
}

/** When our own request demands that the person be asked again (`prompt=login`, `max_age`), so does the one we make. */
function freshSince({ interaction }: InteractionRequest, { clock }: UpstreamDeps): number | undefined {
  const { maxAge } = interaction;
  return maxAge === undefined ? undefined : clock.now() - maxAge * 1000;
}

/** A form sent twice, or again after a question, goes on from who was found the first time. */
async function finish(request: InteractionRequest, deps: UpstreamDeps): Promise<StepAnswer> {
  const { app, target: visitId } = request;
  if (visitId === undefined) return { answer: 'refused', error: 'not_found' };
  const known = await deps.visits.peek(app.id, 'identity', visitId);
  if (known && isOurs(request, known)) return proved(request, deps, visitId, known);
  const held = await deps.visits.peek(app.id, 'answer', visitId);
  if (!held || !isOurs(request, held)) return page(refusedPage(request, undefined, 'over'));
  const configured = findProvider(app, held.bound.provider);
  if (configured?.fingerprint !== held.bound.fingerprint)
    return page(refusedPage(request, undefined, 'over'));
  if (!(await deps.visits.consume(app.id, 'answer', visitId)))
    return page(refusedPage(request, configured, 'over'));
  const { visit, answer } = held.content;
  const { clientId } = held.bound;
  if (answer.error !== undefined) {
    const reason = DENIALS.has(answer.error) ? 'denied' : 'unavailable';
    await told(app, deps, { configured, clientId, reason });
    return reason === 'denied'
      ? { answer: 'start', error: 'came_back' }
      : page(refusedPage(request, configured, reason));
  }
  const redeemed = await deps.client.redeem(configured, visit, answer);
  if (redeemed.outcome === 'refused') {
    const { reason, detail } = redeemed;
    await told(app, deps, { configured, clientId, reason, detail });
    return page(refusedPage(request, configured, reason));
  }
  const content = { identity: redeemed.identity, at: deps.clock.now() };
  await deps.visits.put(app.id, 'identity', visitId, { bound: held.bound, content });
  return proved(request, deps, visitId, { bound: held.bound, content });
}

/** RFC 6749 §4.1.2.1, and what LinkedIn and Apple say instead. */
const DENIALS: ReadonlySet<string> = new Set([
  'access_denied',
  'user_cancelled_login',
  'user_cancelled_authorize',
]);

const isOurs = (
  { interaction, browser }: InteractionRequest,
  { bound }: { readonly bound: Bound },
): boolean => bound.uid === interaction.uid && bound.browser === browser.asking;

function proved(
  request: InteractionRequest,
  deps: UpstreamDeps,
  visitId: string,
  { bound, content: { identity, at } }: Held<{ identity: Identity; at: number }>,
): StepAnswer {
  const configured = findProvider(request.app, bound.provider);
  if (configured?.fingerprint !== bound.fingerprint) return page(refusedPage(request, undefined, 'over'));
  const { issuer, subject, email, isEmailVerified, isSigned, name } = identity;
  const { authoritative } = configured.settings;
  return {
    answer: 'proved',
    proof: {
      method: 'upstream',
      via: configured.name,
      factors: [{ kind: 'upstream', at }],
      who: {
        by: 'upstream',
        provider: configured.name,
        issuer,
        subject,
        providerName: configured.provider.label,
        address: parseEmailAddress(email),
        isAddressTrusted: authoritative && isSigned && isEmailVerified,
        claims: name === undefined ? {} : { name: name.slice(0, 200) },
      },
    },
    inTab: 'waiting',
    carried: [],
    spend: async () =>
      (await deps.visits.consume(request.app.id, 'identity', visitId))
        ? { outcome: 'won', act: hashOf('upstream', visitId), at }
        : { outcome: 'lost' },
  };
}
