/**
 * Two login methods as somebody else might write them, beside those of the house: a code by text message, and another
 * provider whose tokens the test writes itself.
 */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Proof } from '../../src/accounts/proof.ts';
import { parseEmailAddress } from '../../src/core/email-address.ts';
import { hashOf } from '../../src/core/hash.ts';
import { asUserId } from '../../src/core/ids.ts';
import { randomToken } from '../../src/core/random.ts';
import type {
  CallbackRequest,
  InteractionRequest,
  Method,
  MethodDefinition,
  MethodServices,
  StepAnswer,
} from '../../src/methods/method.ts';

/** Messages that the fake sender took, newest last. */
export interface TextMessage {
  readonly to: string;
  readonly code: string;
}

const LIFE_MS = 5 * 60_000;

/** A one-time code to the phone that the user of an address has; the whole method. */
export const smsMethod = (sent: TextMessage[]): MethodDefinition<'sms'> => ({
  name: 'sms',
  settings: z.strictObject({}),
  views: fileURLToPath(new URL('fake-views/', import.meta.url)),
  create: (services) => sms(services, sent),
});

function sms(services: MethodServices, sent: TextMessage[]): Method {
  const { credentials, oneTime, clock } = services;
  const page = (request: InteractionRequest, phone: string, status: 200 | 400): StepAnswer => ({
    answer: 'page',
    page: {
      view: 'method',
      page: 'sms/code',
      status,
      heading: 'check_mail.heading',
      model: {
        form: request.form('sms-check'),
        phone,
        error: status === 400 ? 'check_mail.wrong_code' : null,
      },
    },
  });
  const keyOf = ({ interaction }: InteractionRequest, phone: string) => hashOf('sms', interaction.uid, phone);
  return {
    name: 'sms',
    entries: async (request) => [{ partial: 'sms/ask', model: { form: request.form('sms-ask') } }],
    steps: {
      'sms-ask': {
        verb: 'POST',
        asks: true,
        run: async (request) => {
          const phone = request.body.phone ?? '';
          const code = randomToken(4);
          await oneTime
            .put(request.app.id, 'sms', keyOf(request, phone), { code }, clock.now() + LIFE_MS, clock.now())
            .catch(() => undefined);
          sent.push({ to: phone, code });
          return page(request, phone, 200);
        },
      },
      'sms-check': {
        verb: 'POST',
        run: async (request) => {
          const { phone = '', code } = request.body;
          const key = keyOf(request, phone);
          const kept = await oneTime.consume(request.app.id, 'sms', key, clock.now());
          const credential = await credentials.findUnique(request.app.id, 'phone', [phone]);
          if (!credential || kept?.code !== code) return page(request, phone, 400);
          const at = clock.now();
          return {
            answer: 'proved',
            proof: {
              method: 'sms',
              factors: [{ kind: 'phone', at }],
              who: { by: 'credential', credentialId: credential.id },
            },
            inTab: 'waiting',
            carried: [],
            spend: async () => ({ outcome: 'won', act: randomToken(), at }),
          };
        },
      },
      'sms-enrol': {
        verb: 'POST',
        isAfterSignIn: true,
        run: async ({ app, signedIn, body }) => {
          const phone = body.phone ?? '';
          const draft = { kind: 'phone', unique: [phone], label: phone, material: {} } as const;
          const made =
            signedIn && (await credentials.insert(app.id, { ...draft, owner: asUserId(signedIn) }));
          return made ? { answer: 'enrolled' } : { answer: 'refused', error: 'access_denied' };
        },
      },
    },
    offers: async ({ app, signedIn }) => (await credentials.ofUser(app.id, signedIn, 'phone')).length === 0,
    offer: async (request) => ({
      view: 'method',
      page: 'sms/offer',
      status: 200,
      heading: 'check_mail.heading',
      model: { form: request.form('sms-enrol'), skip: request.form('skip') },
    }),
  };
}

/** What the other provider says of the person; the test sets it. */
export interface Told {
  issuer: string;
  subject: string;
  email?: string;
  isTrusted?: boolean;
}

/** Another provider: the person is sent there and comes back to the callback with a `state`. */
export const providerMethod = (told: { now: Told }): MethodDefinition<'fake'> => ({
  name: 'fake',
  settings: z.strictObject({}),
  create: ({ oneTime, clock }) => ({
    name: 'fake',
    entries: async (request) => [
      { partial: 'button', model: { form: request.form('fake-go'), text: 'button.continue' } },
    ],
    steps: {
      'fake-go': {
        verb: 'POST',
        asks: true,
        run: async ({ app, interaction }) => {
          const state = randomToken();
          const kept = { uid: interaction.uid };
          await oneTime.put(app.id, 'fake', state, kept, clock.now() + LIFE_MS, clock.now());
          return { answer: 'redirect', url: `https://provider.test/auth?state=${state}`, name: 'Provider' };
        },
      },
      'fake-finish': {
        verb: 'POST',
        run: async () => proved(told.now, clock.now()),
      },
    },
    callback: async (request: CallbackRequest) => {
      if (request.target !== 'fake') return undefined;
      const state = request.query.state ?? request.body.state ?? '';
      const kept = await oneTime.consume(request.app.id, 'fake', state, clock.now());
      if (!kept) return { answer: 'refused', error: 'bad_request' };
      const form = request.interactionForm(String(kept.uid), 'fake-finish');
      return {
        answer: 'page',
        page: {
          view: 'form-post',
          status: 200,
          action: form.action,
          fields: [{ name: 'csrf', value: form.csrf }],
          clientName: 'Provider',
        },
      };
    },
  }),
});

function proved(told: Told, at: number): StepAnswer {
  const proof: Proof = {
    method: 'fake',
    via: 'fake',
    factors: [{ kind: 'upstream', at }],
    who: {
      by: 'upstream',
      provider: 'fake',
      providerName: 'Provider',
      issuer: told.issuer,
      subject: told.subject,
      address: parseEmailAddress(told.email),
      isAddressTrusted: told.isTrusted === true,
      claims: {},
    },
  };
  const spend = async () => ({ outcome: 'won', act: randomToken(), at }) as const;
  return { answer: 'proved', proof, inTab: 'waiting', carried: [], spend };
}
