import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { CookieSignatures } from '../../src/oidc/cookie-signatures.ts';

const DATA = 'session-app=value';

describe('signatures of the engine’s cookies', () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];

  it('accepts what it signed, and nothing that was changed', () => {
    const signatures = new CookieSignatures([newer]);
    const signed = signatures.sign(DATA);
    expect(signatures.verify(DATA, signed)).to.equal(true);
    expect(signatures.verify(`${DATA}x`, signed)).to.equal(false);
    const changed = signed.at(-2) === 'A' ? 'QA' : 'AA';
    expect(signatures.verify(DATA, `${signed.slice(0, -2)}${changed}`)).to.equal(false);
    expect(signatures.verify(DATA, '')).to.equal(false);
    expect(new CookieSignatures([older]).verify(DATA, signed)).to.equal(false);
  });

  it('names the key, so that a cookie of an older master secret is signed anew', () => {
    const signed = new CookieSignatures([older]).sign(DATA);
    const both = new CookieSignatures([newer, older]);
    expect(both.index(DATA, signed)).to.equal(1);
    expect(both.index(DATA, both.sign(DATA))).to.equal(0);
    expect(both.index(DATA, 'nobody')).to.equal(-1);
  });
});
