import { expect } from 'chai';
import { parseEmailAddress } from '../../../src/core/email-address.ts';

const refused = (title: string, inputs: readonly unknown[]): void => {
  for (const input of inputs) {
    const shown = typeof input === 'string' ? input : `${typeof input}: ${JSON.stringify(input)}`;
    it(`${title}: refuses ${JSON.stringify(shown.slice(0, 60))}`, () => {
      expect(parseEmailAddress(input)).to.equal(undefined);
    });
  }
};

describe('parseEmailAddress', () => {
  it('keeps the local part as typed and the domain in lower case', () => {
    expect(parseEmailAddress('Ann.B+shop@Example.ORG')).to.deep.equal({
      address: 'Ann.B+shop@example.org',
      domain: 'example.org',
      key: 'ann.b+shop@example.org',
      mailbox: 'ann.b@example.org',
    });
  });

  it('drops blanks around an address, which autofill and paste leave', () => {
    expect(parseEmailAddress(' \ta@x.com\t ')?.address).to.equal('a@x.com');
  });

  refused('ML-60 several recipients', [
    'a@x.com,b@y.com',
    'a@x.com;b@y.com',
    'a@x.com b@y.com',
    'grp: a@x.com, b@y.com;',
    'Name <a@x.com>',
    '<a@x.com>b@y.com',
    '<a@x.com>',
    '["a@x.com","b@y.com"]',
  ]);

  refused('ML-61 header injection and source routes', [
    'a@x.com\r\nBcc: z@z.com',
    'a@x.com\n',
    '\na@x.com',
    'a@x.com%0d%0aBcc:z@z.com',
    'a%z.com@x.com',
    'z.com!a@x.com',
    'a@x.com\u2028',
    'a\u0000@x.com',
    'a@x.com\u0000',
    '@relay.example:a@x.com',
  ]);

  refused('ML-62 quoted local parts, comments, literals', [
    '"e@attacker.com"@victim.com',
    '"a@b x"@victim.com',
    '"a"@victim.com',
    '(c)a@x.com',
    'a(c)@x.com',
    'a@x.com(c)',
    'a@[127.0.0.1]',
    'a@[IPv6:::1]',
    'a\\@b@x.com',
  ]);

  refused('ML-63 what another normalisation would turn into an address', [
    'victim\uff20x.com',
    'victim\ufe6bx.com',
    'a\u2024b@x.com',
    'a@x\u3002com',
    'a@x\uff0ecom',
    'a@\uff58.com',
    '\uff41@x.com',
    'a\u200d@x.com',
    'a@x\u200d.com',
    'a\u200f@x.com',
    'a@x\u00ad.com',
  ]);

  it('ML-63 reading what was read changes nothing', () => {
    for (const typed of ['Ann@X.com', 'a@bücher.example', 'a.b+c@sub.x.com', 'a@BU\u0308CHER.example']) {
      const once = parseEmailAddress(typed);
      expect(once, typed).to.not.equal(undefined);
      expect(parseEmailAddress(once?.address)).to.deep.equal(once);
    }
  });

  it('ML-64 two spellings of one user have one key', () => {
    expect(parseEmailAddress('Bob@X.com')?.key).to.equal(parseEmailAddress('bob@x.COM')?.key);
    expect(parseEmailAddress('a@bücher.example')?.key).to.equal('a@xn--bcher-kva.example');
  });

  refused('ML-65 Unicode case traps', [
    'm\u0131ke@x.com',
    'M\u0130KE@x.com',
    'mi\u017fe@x.com',
    'straße@x.com',
  ]);

  it('ML-65 a Kelvin sign is K before anything is checked, so that what is stored is what is mailed', () => {
    expect(parseEmailAddress('mi\u212ae@boo\u212a.example')).to.deep.equal(
      parseEmailAddress('miKe@book.example'),
    );
  });

  it('ML-66 a domain that only looks the same is another domain', () => {
    const look = parseEmailAddress('admin@ex\u0430mple.com');
    expect(look?.domain).to.match(/^xn--/);
    expect(look?.key).to.not.equal('admin@example.com');
    expect(parseEmailAddress('\u0430dmin@example.com')).to.equal(undefined);
  });

  it('ML-67 tags and dots make another user, but the same mailbox for limits', () => {
    const [plain, tagged] = [parseEmailAddress('a@d.example'), parseEmailAddress('a+x@d.example')];
    expect(tagged?.key).to.not.equal(plain?.key);
    expect(tagged?.mailbox).to.equal(plain?.mailbox);
    const [dotted, google] = [parseEmailAddress('a.b@gmail.com'), parseEmailAddress('ab+c@googlemail.com')];
    expect(dotted?.key).to.not.equal(google?.key);
    expect(dotted?.mailbox).to.equal(google?.mailbox);
    expect(parseEmailAddress('a.b@d.example')?.mailbox).to.not.equal(
      parseEmailAddress('ab@d.example')?.mailbox,
    );
  });

  const label = 'd'.repeat(63);
  const longest = `${'l'.repeat(64)}@${label}.${label}.${'d'.repeat(61)}`;
  it('ML-68 takes 64 characters before the @ and 254 in all', () => {
    expect(longest).to.have.lengthOf(254);
    expect(parseEmailAddress(longest)?.address).to.equal(longest);
  });

  refused('ML-68 length and shape', [
    `${'l'.repeat(64)}@${label}.${label}.${'d'.repeat(62)}`,
    `${'l'.repeat(65)}@x.com`,
    `a@${'d'.repeat(64)}.com`,
    'a@localhost',
    'a@x.com.',
    'a@.x.com',
    'a@x..com',
    'a@-x.com',
    'a@x-.com',
    'a@127.0.0.1',
    'a@x.123',
    '.a@x.com',
    'a.@x.com',
    'a..b@x.com',
    '@x.com',
    'a@',
    '@',
    '',
    'a',
    'a@b@x.com',
    `${'a'.repeat(100_000)}@x.com`,
    `a@${'a.'.repeat(50_000)}com`,
  ]);

  refused('ML-69 anything but text', [
    { $ne: null },
    { $gt: '' },
    ['a@x.com'],
    ['a@x.com', 'b@y.com'],
    { toString: 'a@x.com' },
    null,
    undefined,
    42,
    true,
  ]);
});
