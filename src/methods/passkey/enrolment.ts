/**
 * Making a passkey: the offer between a sign-in and the client, never forced and at most once a week.
 *
 * Whoever holds a passkey already is offered no other behind a mail: a thief of the mailbox could otherwise put his own beside it
 * (AC-19). Behind a passkey of another device (a telephone, by a code on the screen) one for this device is offered.
 */
import type { Proof } from '../../accounts/proof.ts';
import { MINUTE } from '../../core/clock.ts';
import { hashOf } from '../../core/hash.ts';
import { asUserId, type UserId } from '../../core/ids.ts';
import type { Page } from '../../core/page.ts';
import { oneLine } from '../../lib/hostile-text.ts';
import type { InteractionRequest, Method, MethodServices, SignedInPerson, StepAnswer } from '../method.ts';
import type { Ceremonies, CeremonyBinding } from './ceremonies.ts';
import type { Passkeys } from './passkeys.ts';
import { creationOptions, readRegistration, verifyRegistration } from './registration.ts';
import { relyingPartyOf, settingsOf, userHandle } from './relying-party.ts';

/** How long after the proof something may be added that signs in from then on (AC-19, ASVS 7.5.1). */
const FRESH = 10 * MINUTE;

type SignedIn = InteractionRequest & { readonly person: SignedInPerson };

export class Enrolment {
  readonly #services: MethodServices;
  readonly #passkeys: Passkeys;
  readonly #ceremonies: Ceremonies;
  readonly steps: Method['steps'];

  constructor(services: MethodServices, passkeys: Passkeys, ceremonies: Ceremonies) {
    this.#services = services;
    this.#passkeys = passkeys;
    this.#ceremonies = ceremonies;
    this.steps = {
      'passkey-new-options': {
        verb: 'POST',
        isAfterSignIn: true,
        run: (request) => this.#options(known(request)),
      },
      'passkey-new': { verb: 'POST', isAfterSignIn: true, run: (request) => this.#add(known(request)) },
    };
  }

  async isDue(request: InteractionRequest & { readonly signedIn: UserId }, proof: Proof): Promise<boolean> {
    const { app, browser, signedIn, body } = request;
    if (!settingsOf(app).offer || !browser.canMakePasskeys) return false;
    const byOtherDevice = proof.method === 'passkey' && body.attachment === 'cross-platform';
    const held = await this.#passkeys.ofUser(app.id, signedIn);
    // A suspended one guards nothing any more.
    if (!byOtherDevice && held.some(({ status }) => status === 'active')) return false;
    const claim = { rule: 'passkey_offer', subject: hashOf('passkey_offer', signedIn) } as const;
    return (await this.#services.limits.take(app.id, [claim])).allowed;
  }

  page(request: InteractionRequest, failed?: 'passkey_offer.refused' | 'passkey_offer.too_late'): Page {
    const client = request.clientFacts(request.interaction.clientId);
    return {
      view: 'method',
      page: 'passkey/offer',
      status: failed === undefined ? 200 : 400,
      heading: 'passkey_offer.heading',
      mark: 'key',
      ...(failed === undefined ? {} : { notice: failed }),
      model: {
        make: request.form('passkey-new'),
        options: request.form('passkey-new-options').action,
        later: request.form('skip'),
        clientName: oneLine(client.name),
      },
      scripts: ['passkey.js'],
    };
  }

  async #options(request: SignedIn): Promise<StepAnswer> {
    const { app, person, interaction } = request;
    const claim = { rule: 'ceremony', subject: hashOf('ceremony', interaction.uid) } as const;
    if (!(await this.#services.limits.take(app.id, [claim])).allowed)
      return { answer: 'refused', error: 'too_many_requests' };
    const owner = asUserId(person.userId);
    const enrolling = {
      challenge: await this.#ceremonies.begin(app.id, bindingOf(request)),
      handle: userHandle(app, owner),
      address: person.address,
      passkeys: await this.#passkeys.ofUser(app.id, owner),
    };
    return { answer: 'status', status: await creationOptions(enrolling, relyingPartyOf(app)) };
  }

  async #add(request: SignedIn): Promise<StepAnswer> {
    const { app, person, browser, interaction, trace } = request;
    if (this.#services.clock.now() - person.provedAt > FRESH)
      return { answer: 'page', page: this.page(request, 'passkey_offer.too_late') };
    const registration = readRegistration(request.body);
    const isOurs =
      registration && (await this.#ceremonies.consume(app.id, registration.challenge, bindingOf(request)));
    const made = isOurs
      ? await verifyRegistration(registration, relyingPartyOf(app))
      : { refused: registration ? 'challenge' : 'form' };
    const actor = { clientId: interaction.clientId, ...trace };
    if ('refused' in made) return this.#refused(request, made.refused, actor);
    const label = made.label === '' ? browser.device : made.label;
    const outcome = await this.#passkeys.add(app.id, asUserId(person.userId), { ...made, label }, actor);
    return outcome === 'added' ? { answer: 'enrolled' } : this.#refused(request, outcome, actor);
  }

  async #refused(request: SignedIn, reason: string, actor: object): Promise<StepAnswer> {
    const { app, person, interaction } = request;
    const claim = { rule: 'noted', subject: hashOf('passkey_refused', interaction.uid) } as const;
    if ((await this.#services.limits.take(app.id, [claim])).allowed) {
      const userId = asUserId(person.userId);
      await this.#services.audit.record(app.id, { ...actor, userId, type: 'passkey.refused', reason });
    }
    return { answer: 'page', page: this.page(request, 'passkey_offer.refused') };
  }
}

function known(request: InteractionRequest): SignedIn {
  const { person } = request;
  if (!person) throw new Error('a step behind the sign-in ran before it');
  return { ...request, person };
}

const bindingOf = ({ interaction, browser, person }: SignedIn): CeremonyBinding => ({
  purpose: 'enrol',
  place: interaction.uid,
  browser: browser.asking ?? '',
  userId: person.userId,
});
