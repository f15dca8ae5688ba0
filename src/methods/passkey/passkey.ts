/**
 * Sign-in with a passkey, from the autofill of the email field or by a button, and the offer to make one behind a sign-in.
 *
 * Steps inside the interaction: `passkey-options` and `passkey` (sign in), `passkey-new-options` and `passkey-new` (make one).
 * Options name no credentials, for nobody: whether an account has passkeys shows nowhere (ML-55).
 */
import type { App } from '../../apps/apps.ts';
import { hashOf } from '../../core/hash.ts';
import type { SignInError } from '../../core/page.ts';
import type { InteractionRequest, Method, MethodDefinition, MethodServices, StepAnswer } from '../method.ts';
import { ASSERTION_FIELDS, type Assertion, readAssertion, verifyAssertion } from './assertion.ts';
import { CEREMONY_LIFE, Ceremonies, type CeremonyBinding } from './ceremonies.ts';
import { Enrolment } from './enrolment.ts';
import { isRollback, type Passkey, Passkeys } from './passkeys.ts';
import { isOwnHandle, relyingPartyOf, userHandle } from './relying-party.ts';
import { passkeySettings } from './settings.ts';

export const passkey = {
  name: 'passkey',
  settings: passkeySettings,
  create: (services) => new PasskeySignIn(services).method(),
} as const satisfies MethodDefinition;

class PasskeySignIn {
  readonly #services: MethodServices;
  readonly #passkeys: Passkeys;
  readonly #ceremonies: Ceremonies;

  constructor(services: MethodServices) {
    this.#services = services;
    this.#passkeys = new Passkeys(services);
    this.#ceremonies = new Ceremonies(services.oneTime, services.clock);
  }

  method(): Method {
    const enrolment = new Enrolment(this.#services, this.#passkeys, this.#ceremonies);
    return {
      name: 'passkey',
      entries: async (request) => [
        {
          partial: 'passkey/button',
          model: {
            form: request.form('passkey'),
            options: request.form('passkey-options').action,
            gone: await this.#gone(request),
          },
          scripts: ['passkey.js'],
          hasPasskeyAutofill: true,
        },
      ],
      warmUp: (apps) => this.#lost(apps),
      offers: (request, proof) => enrolment.isDue(request, proof),
      offer: async (request) => enrolment.page(request),
      steps: {
        'passkey-options': { verb: 'POST', asks: true, run: (request) => this.#options(request) },
        passkey: { verb: 'POST', run: (request) => this.#signIn(request) },
        ...enrolment.steps,
      },
    };
  }

  /** Passkeys cannot move to another domain: whoever changed it should know before people do. */
  async #lost(apps: readonly App[]): Promise<readonly string[]> {
    const on = apps.filter(({ settings }) => settings.methods.passkey !== undefined);
    const told = on.map(async (app) => {
      const { id } = relyingPartyOf(app);
      const former = await this.#passkeys.lostTo(app.id, id);
      if (former.length === 0) return [];
      return [
        `${app.slug}: passkeys made for ${former.join(', ')} can be used by nobody, they belong to ${id} now`,
      ];
    });
    return (await Promise.all(told)).flat();
  }

  async #options(request: InteractionRequest): Promise<StepAnswer> {
    const { app, interaction } = request;
    const claim = { rule: 'ceremony', subject: hashOf('ceremony', interaction.uid) } as const;
    const verdict = await this.#services.limits.take(app.id, [claim]);
    if (!verdict.allowed) return { answer: 'refused', error: 'too_many_requests' };
    const rp = relyingPartyOf(app);
    return {
      answer: 'status',
      status: {
        challenge: await this.#ceremonies.begin(app.id, bindingOf(request)),
        rpId: rp.id,
        timeout: CEREMONY_LIFE,
        userVerification: rp.requiresVerification ? 'required' : 'preferred',
        allowCredentials: [],
      },
    };
  }

  async #signIn(request: InteractionRequest): Promise<StepAnswer> {
    const { app, interaction, browser, body } = request;
    // Sent again after a lost reply: what it proved stands in the interaction.
    if (interaction.provedBy !== undefined && interaction.provedBy === browser.asking)
      return { answer: 'redirect', url: interaction.resumeUrl, name: nameOf(request) };
    const assertion = readAssertion(body);
    if (!assertion) return this.#refused(request, 'form');
    const binding = bindingOf(request);
    const startedAt = await this.#ceremonies.peek(app.id, assertion.challenge, binding);
    if (startedAt === undefined) return this.#refused(request, 'challenge');
    const found = await this.#passkeys.find(app.id, assertion.credentialId);
    if (!found) return this.#refused(request, 'unknown');
    const rp = relyingPartyOf(app);
    const verified = isOwners(request, assertion, found)
      ? await verifyAssertion(assertion, found, rp)
      : { refused: 'user handle' };
    if ('refused' in verified) return this.#refused(request, verified.refused, found);
    if (found.status === 'suspended') return this.#refused(request, 'suspended', found, 'passkey_suspended');
    const use = { ...verified, startedAt };
    const spend = () => this.#spend(request, assertion, found, use);
    // Told apart before anybody is asked anything; nobody signs in by it either way.
    if (isRollback(found, verified)) {
      const spent = await spend();
      return this.#refused(
        request,
        'counter',
        found,
        spent === 'rolled_back' ? 'passkey_suspended' : undefined,
      );
    }
    const at = this.#services.clock.now();
    return {
      answer: 'proved',
      proof: {
        method: 'passkey',
        factors: [{ kind: 'passkey', at, isUserVerified: verified.isUserVerified }],
        who: { by: 'credential', credentialId: found.id },
      },
      inTab: 'waiting',
      carried: [...ASSERTION_FIELDS, 'attachment'].map((name) => ({ name, value: body[name] ?? '' })),
      spend: async () =>
        (await spend()) === 'used'
          ? { outcome: 'won', act: hashOf('passkey', assertion.challenge), at }
          : { outcome: 'lost' },
    };
  }

  /** First the challenge, by one atomic write, then the counter: a replay never gets as far as the passkey (AC-18). */
  async #spend(
    request: InteractionRequest,
    { challenge }: Assertion,
    found: Passkey,
    use: Parameters<Passkeys['use']>[2],
  ): Promise<'used' | 'rolled_back' | 'stale'> {
    const { app } = request;
    if (!(await this.#ceremonies.consume(app.id, challenge, bindingOf(request)))) return 'stale';
    return this.#passkeys.use(app.id, found, use, actorOf(request));
  }

  /** Back to the sign-in page, where a mail is always a way on. Anybody can send anything: written down five times at most. */
  async #refused(
    request: InteractionRequest,
    reason: string,
    found?: Passkey,
    error: SignInError = 'passkey_refused',
  ): Promise<StepAnswer> {
    const { app, interaction } = request;
    const claim = { rule: 'noted', subject: hashOf('passkey_refused', interaction.uid) } as const;
    if ((await this.#services.limits.take(app.id, [claim])).allowed) {
      const of = found ? { userId: found.owner, passkey: found.id } : {};
      await this.#services.audit.record(app.id, {
        ...actorOf(request),
        ...of,
        type: 'passkey.refused',
        reason,
      });
    }
    return { answer: 'start', error };
  }

  /**
   * A passkey of this app that we know no more: its password manager may forget it. Never one of another app, which may share
   * our relying party id.
   */
  async #gone({ app, body }: InteractionRequest): Promise<{ rp: string; credential: string } | null> {
    const assertion = readAssertion(body);
    if (!assertion?.userHandle || !isOwnHandle(app, assertion.userHandle)) return null;
    if (await this.#passkeys.find(app.id, assertion.credentialId)) return null;
    return { rp: relyingPartyOf(app).id, credential: assertion.credentialId };
  }
}

/** WebAuthn §7.2 step 6: an authenticator that tells a user has to tell the right one. */
const isOwners = ({ app }: InteractionRequest, { userHandle: told }: Assertion, found: Passkey): boolean =>
  told === undefined || told === userHandle(app, found.owner);

const bindingOf = ({ interaction, browser }: InteractionRequest): CeremonyBinding => ({
  purpose: 'sign_in',
  place: interaction.uid,
  browser: browser.asking ?? '',
});

export const actorOf = ({ interaction, trace }: InteractionRequest) => ({
  clientId: interaction.clientId,
  ...trace,
});

const nameOf = ({ interaction, clientFacts }: InteractionRequest): string =>
  clientFacts(interaction.clientId).name;
