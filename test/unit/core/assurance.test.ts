import { expect } from 'chai';
import { acrValuesOf, assuranceOf, type Factor, type FactorKind } from '../../../src/core/assurance.ts';

const of = (...kinds: readonly FactorKind[]) => assuranceOf(kinds.map((kind): Factor => ({ kind, at: 0 })));

describe('assurance', () => {
  it('AC-20 a mailbox claims neither mfa nor hwk nor pwd, however often it was proved', () => {
    for (const claimed of [of('mailbox'), of('mailbox', 'mailbox')]) {
      expect(claimed).to.deep.equal({ amr: ['email'], acr: 'urn:postern:acr:email' });
    }
  });

  it('AC-20 a password and the mailbox that resets it are one factor', () => {
    expect(of('password', 'mailbox')).to.deep.equal({
      amr: ['pwd', 'email'],
      acr: 'urn:postern:acr:password',
    });
  });

  it('AC-20 two things of one device are no second factor', () => {
    expect(of('otp', 'recovery').amr).not.to.include('mfa');
  });

  it('a device beside something else is a second factor', () => {
    expect(of('password', 'otp')).to.deep.equal({ amr: ['pwd', 'otp', 'mfa'], acr: 'urn:postern:acr:mfa' });
    expect(of('mailbox', 'passkey')).to.deep.equal({ amr: ['email', 'pop', 'user', 'mfa'], acr: 'phr' });
  });

  it('a passkey is phishing-resistant, and two factors only when its device verified the person', () => {
    expect(of('passkey')).to.deep.equal({ amr: ['pop', 'user'], acr: 'phr' });
    const verified = assuranceOf([{ kind: 'passkey', at: 0, isUserVerified: true }]);
    expect(verified.amr).to.include('mfa');
  });

  it('throws on nothing', () => {
    expect(() => assuranceOf([])).to.throw(/no factor/);
  });

  it('discovery names what the methods of the app can reach', () => {
    expect(acrValuesOf({ magic_link: {}, password: undefined, passkey: {} })).to.deep.equal([
      'urn:postern:acr:email',
      'phr',
    ]);
  });
});
