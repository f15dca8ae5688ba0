import { expect } from 'chai';
import { hashOf, isSameSecret } from '../../../src/core/hash.ts';

describe('hashOf', () => {
  it('is SHA-256 over framed fields, in base64url', () => {
    // printf '\0\0\0\1a' | openssl dgst -sha256 -binary | base64url
    expect(hashOf('a')).to.equal('cv9rApSdrZUAbDQ-PbMVAJDTr7Sfa725L9wXYHmXqFw');
    expect(hashOf('a')).to.match(/^[A-Za-z0-9_-]{43}$/);
  });

  it('tells fields apart that read the same when joined', () => {
    expect(hashOf('ab', 'c')).to.not.equal(hashOf('a', 'bc'));
    expect(hashOf('abc')).to.not.equal(hashOf('ab', 'c'));
  });
});

describe('isSameSecret', () => {
  it('is true for equal strings only', () => {
    expect(isSameSecret('geheim-ä', 'geheim-ä')).to.equal(true);
    expect(isSameSecret('', '')).to.equal(true);
    expect(isSameSecret('geheim', 'geheiM')).to.equal(false);
    expect(isSameSecret('geheim', 'geheim ')).to.equal(false);
    expect(isSameSecret('geheim', '')).to.equal(false);
  });

  it('compares bytes, so that strings of equal length in UTF-16 do not break it', () => {
    expect(isSameSecret('ä', 'a')).to.equal(false);
  });
});
