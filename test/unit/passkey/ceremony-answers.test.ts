import { expect } from 'chai';
import { readAssertion, verifyAssertion } from '../../../src/methods/passkey/assertion.ts';
import {
  creationOptions,
  readRegistration,
  verifyRegistration,
} from '../../../src/methods/passkey/registration.ts';
import type { RelyingPartyFacts } from '../../../src/methods/passkey/relying-party.ts';
import { assert, type Key, makeKey, register, type Wrongs } from '../../support/software-authenticator.ts';

const RP: RelyingPartyFacts = {
  id: 'auth.shop.example',
  name: 'Shop',
  origin: 'https://auth.shop.example',
  requiresVerification: true,
};
const ASK = { origin: RP.origin, rpId: RP.id, challenge: 'c2lnbi10aGlzLW9uY2UtYW5kLW5ldmVyLWFnYWlu' };

const registered = async (key: Key, wrongs: Wrongs = {}, ask = ASK, rp = RP) => {
  const read = readRegistration(register(key, ask, wrongs));
  return read ? verifyRegistration(read, rp) : { refused: 'form' };
};

const asserted = async (
  key: Key,
  wrongs: Wrongs = {},
  ask = ASK,
  more: Record<string, string> = {},
  rp = RP,
) => {
  const read = readAssertion({ ...assert(key, ask, undefined, wrongs), ...more });
  const passkey = { credentialId: key.id, publicKey: Buffer.from(key.publicKey).toString('base64url') };
  return read ? verifyAssertion(read, passkey, rp) : { refused: 'form' };
};

describe('passkeys: what an authenticator answers', () => {
  for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const) {
    it(`${algorithm}: a key is made and used`, async () => {
      const key = makeKey(algorithm);
      expect(await registered(key)).to.include({ credentialId: key.id, counter: 0, isSyncable: false });
      expect(await asserted(key, { counter: 7 })).to.deep.equal({
        counter: 7,
        isUserVerified: true,
        isBackedUp: false,
      });
    });
  }

  it('attestation none and packed are taken, the password manager is named, a synced key is told', async () => {
    const made = await registered(makeKey(), {
      attestation: 'packed',
      isSyncable: true,
      aaguid: 'bada5566-a7aa-401f-bd96-45619a55120d',
    });
    expect(made).to.include({ label: '1Password', isSyncable: true, isBackedUp: true });
    expect(made).to.have.property('transports').that.deep.equals(['hybrid', 'internal']);
  });

  const refusals: readonly (readonly [string, Wrongs, Partial<typeof ASK>?])[] = [
    ['another origin', {}, { origin: 'https://auth.shop.example.evil.example' }],
    ['another origin on the same domain', {}, { origin: 'https://shop.example' }],
    ['another relying party', {}, { rpId: 'shop.example' }],
    ['the other kind of ceremony', { type: 'webauthn.payment' }],
    ['nobody present', { userPresent: false }],
    ['nobody verified', { userVerified: false }],
    ['a page in a frame', { clientData: { crossOrigin: true } }],
    [
      'a page in a frame that says where',
      { clientData: { crossOrigin: true, topOrigin: 'https://evil.example' } },
    ],
    ['a top origin without a frame', { clientData: { topOrigin: 'https://evil.example' } }],
    ['bytes behind the data', { trailing: 9 }],
    ['a challenge that is no text', { clientData: { challenge: { $ne: null } } }],
  ];
  for (const [what, wrongs, ask = {}] of refusals) {
    it(`AC-18 ${what}: neither made nor used`, async () => {
      expect(await registered(makeKey(), wrongs, { ...ASK, ...ask })).to.have.property('refused');
      expect(await asserted(makeKey(), wrongs, { ...ASK, ...ask })).to.have.property('refused');
    });
  }

  it('AC-18 the kinds of ceremony do not stand in for each other', async () => {
    expect(await registered(makeKey(), { type: 'webauthn.get' })).to.have.property('refused');
    expect(await asserted(makeKey(), { type: 'webauthn.create' })).to.have.property('refused');
  });

  it('AC-18 a forged or unknown attestation and an algorithm that was not offered are refused', async () => {
    expect(await registered(makeKey(), { attestation: 'packed-forged' })).to.have.property('refused');
    expect(await registered(makeKey(), { attestation: 'unknown' })).to.have.property('refused');
    expect(await registered(makeKey('ES384'))).to.have.property('refused');
  });

  it('AC-18 a credential id beside the one that is signed for is refused', async () => {
    const read = readRegistration({ ...register(makeKey(), ASK), id: makeKey().id });
    expect(read && (await verifyRegistration(read, RP))).to.have.property('refused');
  });

  it('AC-18 a signature of another key, or over other client data, is refused', async () => {
    const key = makeKey();
    expect(await asserted(key, {}, ASK, { signature: assert(makeKey(), ASK).signature ?? '' })).to.deep.equal(
      {
        refused: 'signature',
      },
    );
    const other = { ...ASK, challenge: 'YW5vdGhlci1jaGFsbGVuZ2UtZW50aXJlbHk' };
    const tampered = { client_data: assert(key, other).client_data ?? '' };
    expect(await asserted(key, {}, ASK, tampered)).to.deep.equal({ refused: 'signature' });
  });

  it('an unsigned counter tells nothing: only a right signature gives one', async () => {
    const key = makeKey();
    const forged = { signature: assert(makeKey(), ASK).signature ?? '' };
    expect(await asserted(key, { counter: 1 }, ASK, forged)).to.deep.equal({ refused: 'signature' });
  });

  it('what is oversize, missing or no base64url is no answer at all', () => {
    const fields = assert(makeKey(), ASK);
    for (const name of ['id', 'client_data', 'authenticator_data', 'signature']) {
      for (const value of ['', 'a b', '$ne', 'A'.repeat(13_000), '__proto__[]']) {
        expect(readAssertion({ ...fields, [name]: value }), `${name}=${value.slice(0, 10)}`).to.equal(
          undefined,
        );
      }
    }
    for (const clientData of ['e30', 'bnVsbA', 'W10', 'eyJjaGFsbGVuZ2UiOjF9', '____']) {
      expect(readAssertion({ ...fields, client_data: clientData })).to.equal(undefined);
    }
    expect(readRegistration({ ...register(makeKey(), ASK), attestation: '' })).to.equal(undefined);
  });

  it('user verification is a policy: `preferred` takes a touch and says that it was one', async () => {
    const lenient = { ...RP, requiresVerification: false };
    expect(await asserted(makeKey(), { userVerified: false }, ASK, {}, lenient)).to.include({
      isUserVerified: false,
    });
  });

  it('a new passkey is asked for so that its authenticator lists it, and never twice in one', async () => {
    const passkeys = [{ credentialId: 'aGFzLW9uZQ' }];
    const options = await creationOptions(
      { challenge: ASK.challenge, handle: 'YS5i', address: 'ada@example.org', passkeys },
      RP,
    );
    expect(options).to.deep.include({ challenge: ASK.challenge, attestation: 'none' });
    expect(options.rp).to.deep.equal({ id: RP.id, name: 'Shop' });
    expect(options.pubKeyCredParams.map(({ alg }) => alg)).to.deep.equal([-8, -7, -257]);
    expect(options.authenticatorSelection).to.include({
      residentKey: 'required',
      userVerification: 'required',
    });
    expect(options.excludeCredentials?.map(({ id }) => id)).to.deep.equal(['aGFzLW9uZQ']);
  });
});
