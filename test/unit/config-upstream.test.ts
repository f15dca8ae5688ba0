import { expect } from 'chai';
import { checkUpstream } from '../../src/config/check-upstream.ts';
import { appSchema } from '../../src/config/schema.ts';

const KEY = { client_id: 'a', client_secret: 'b' };
const OAUTH2 = {
  authorization_endpoint: 'https://o.example/a',
  token_endpoint: 'https://o.example/t',
  userinfo_endpoint: 'https://o.example/u',
};

function faultsOf(provider: object, production = true): string[] {
  const app = appSchema.parse({ name: 'Shop', methods: { upstream: { providers: { one: provider } } } });
  const prefix = 'upstream.providers.one';
  return checkUpstream('shop', app, { production, baseUrl: 'https://x.example', outboundAllow: [] }).map(
    ({ path, message }) => `${path.split(prefix)[1] ?? path} ${message}`.trim(),
  );
}

describe('configuration: other providers', () => {
  const right: Readonly<Record<string, object>> = {
    'a preset': { preset: 'google', ...KEY, hosted_domain: 'corp.example' },
    'Apple with its key': { preset: 'apple', client_id: 'a', private_key: 'k', key_id: 'i', team_id: 't' },
    'a GitLab of one’s own': { preset: 'gitlab', ...KEY, base_url: 'https://git.example' },
    'an issuer without a secret': { issuer: 'https://i.example', label: 'I', client_id: 'a' },
    'an OAuth 2.0 server': { oauth2: OAUTH2, label: 'O', ...KEY },
  };
  for (const [what, provider] of Object.entries(right))
    it(`takes ${what}`, () => expect(faultsOf(provider)).to.deep.equal([]));

  const wrong: Readonly<Record<string, readonly [provider: object, fault: RegExp]>> = {
    'neither form': [{ label: 'X', ...KEY }, /exactly one of preset, issuer and oauth2/],
    'two forms': [{ preset: 'google', issuer: 'https://i.example', ...KEY }, /exactly one/],
    'no label where none is known': [{ issuer: 'https://i.example', ...KEY }, /^\.label is needed/],
    'a preset without its secret': [{ preset: 'github', client_id: 'a' }, /^\.client_secret is needed/],
    'Apple without its key': [{ preset: 'apple', client_id: 'a' }, /^\.private_key is needed for Apple/],
    'Apple with a secret': [
      { preset: 'apple', ...KEY, private_key: 'k', key_id: 'i', team_id: 't' },
      /Apple takes none/,
    ],
    'a key of another preset': [
      { preset: 'google', ...KEY, tenant: 'common' },
      /^\.tenant is for preset microsoft only/,
    ],
    'AC-05 GitHub as authoritative': [{ preset: 'github', ...KEY, authoritative: true }, /signed token/],
    'AC-05 an OAuth 2.0 server as authoritative': [
      { oauth2: OAUTH2, label: 'O', ...KEY, authoritative: true },
      /signed token/,
    ],
    'plain http in production': [
      { issuer: 'http://i.example', label: 'I', ...KEY },
      /^\.issuer must be https/,
    ],
    'a plain endpoint in production': [
      { oauth2: { ...OAUTH2, token_endpoint: 'http://o.example/t' }, label: 'O', ...KEY },
      /^\.oauth2\.token_endpoint must be https/,
    ],
  };
  for (const [what, [provider, fault]] of Object.entries(wrong))
    it(`refuses ${what}`, () => {
      const faults = faultsOf(provider);
      expect(
        faults.some((one) => fault.test(one)),
        faults.join('\n'),
      ).to.equal(true);
    });

  it('refuses a parameter that Postern decides, and a name that cannot stand in a callback', () => {
    const parse = (providers: object) =>
      appSchema.safeParse({ name: 'Shop', methods: { upstream: { providers } } }).success;
    const google = { preset: 'google', ...KEY };
    expect(parse({ google })).to.equal(true);
    expect(parse({ google: { ...google, parameters: { prompt: 'consent' } } })).to.equal(true);
    expect(parse({ google: { ...google, parameters: { state: 'x' } } })).to.equal(false);
    expect(parse({ google: { ...google, parameters: { redirect_uri: 'https://evil.example' } } })).to.equal(
      false,
    );
    for (const name of ['Google', 'a/b', '-a', '__proto__x', ''])
      expect(parse(Object.fromEntries([[name, google]])), name).to.equal(false);
  });
});
