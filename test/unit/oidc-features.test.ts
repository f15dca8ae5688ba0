/** Every switch of the engine is decided in `features.ts`: a new release brings none in by its default (threats §1.7). */
import { expect } from 'chai';
import { features } from '../../src/oidc/features.ts';

/** The engine exports no list of its switches: its defaults are read where they stand. */
async function engineSwitches(): Promise<readonly string[]> {
  const entry = import.meta.resolve('oidc-provider');
  const { defaults }: { defaults: { features: object } } = await import(
    new URL('./helpers/defaults.js', entry).href
  );
  return Object.keys(defaults.features).sort();
}

const ON = [
  'backchannelLogout',
  'clientCredentials',
  'dPoP',
  'introspection',
  'pushedAuthorizationRequests',
  'resourceIndicators',
  'revocation',
  'rpInitiatedLogout',
  'userinfo',
];

describe('features of the engine', () => {
  const options = {
    pages: { logoutSource: async () => undefined, postLogoutSuccessSource: async () => undefined },
    resourceIndicators: {},
    mayIntrospect: async () => false,
    revoke: async () => false,
    clientCredentials: true,
    dPoP: { nonceSecret: undefined, requireNonce: () => false },
  };
  const decided = Object.entries(features(options));

  it('names every switch that the engine has, and no other', async () => {
    expect(decided.map(([name]) => name).sort()).to.deep.equal(await engineSwitches());
  });

  it('says on or off for each', () => {
    for (const [name, feature] of decided) expect(feature?.enabled, name).to.be.a('boolean');
  });

  it('OA-38, OA-39, OA-40, OA-52 switches on what is offered and nothing else', () => {
    const on = decided.filter(([, feature]) => feature?.enabled).map(([name]) => name);
    expect(on.sort()).to.deep.equal(ON);
  });
});
