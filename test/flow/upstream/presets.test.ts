import { expect } from 'chai';
import { callbackOf, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import type { Answer } from '../../support/relying-party.ts';
import { allEvents, newBrowser, subOf } from '../../support/sign-in.ts';
import { APPLE, CONSUMERS, presetWorld, TENANT } from '../../support/upstream-presets.ts';
import type { Person } from '../../support/upstream-server.ts';
import { comeBack, comeBackByForm, finishReturn, leaveFor } from '../../support/upstream-visit.ts';

const KEY = { client_id: 'postern', client_secret: 'secret' };
const { world, oidc, oauth2 } = presetWorld();

/** The app `trusting` marks every provider that can be as authoritative; `shop` none. */
function apps() {
  const providers = (more: object) => ({
    google: { preset: 'google', ...KEY, ...more },
    microsoft: { preset: 'microsoft', ...KEY, ...more },
    apple: { ...APPLE, ...more },
    github: { preset: 'github', ...KEY },
    gitlab: { preset: 'gitlab', ...KEY, ...more },
    discord: { preset: 'discord', ...KEY },
    facebook: { preset: 'facebook', ...KEY, ...more },
    linkedin: { preset: 'linkedin', ...KEY, ...more },
    workspace: { preset: 'google', hosted_domain: 'corp.example', ...KEY },
    staff: { preset: 'microsoft', allowed_tenants: [TENANT], ...KEY, ...more },
  });
  const app = (name: string, more: object) => ({
    name,
    methods: { magic_link: {}, upstream: { providers: providers(more) } },
    clients: { web: publicClient({ client_name: 'Web' }) },
  });
  return { shop: app('Shop', {}), trusting: app('Trusting', { authoritative: true }) };
}

const SERVERS = { ...oidc, ...oauth2, workspace: oidc.google, staff: oidc.microsoft };
type Name = keyof typeof SERVERS;

describe('upstream: ready-made providers, as their documentation describes them', () => {
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ apps: apps(), fetch: world.fetch });
  });
  after(() => harness.close());

  async function signIn(name: Name, person: Person, slug = 'trusting') {
    const browser = newBrowser(harness);
    const rp = harness.rp(slug);
    const away = await leaveFor(browser, rp, name);
    const params = SERVERS[name].authorize(away.url, person);
    const isForm = away.url.searchParams.get('response_mode') === 'form_post';
    const back = await (isForm ? comeBackByForm : comeBack)(browser, away, params);
    return { browser, rp, away, answer: await finishReturn(browser, back) };
  }

  const isSignedIn = ({ answer }: { answer: Answer }): string => callbackOf(answer);

  const people: Readonly<Record<Exclude<Name, 'workspace' | 'staff'>, () => Person>> = {
    google: () => ({
      sub: '110169484474386276334',
      email: 'ada@corp.example',
      hd: 'corp.example',
      email_verified: true,
    }),
    microsoft: () => ({
      sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
      tid: TENANT,
      oid: 'x',
      email: newAddress(),
      xms_edov: true,
    }),
    apple: () => ({
      sub: '001234.abcdef.0123',
      email: newAddress(),
      email_verified: 'true',
      is_private_email: 'false',
    }),
    gitlab: () => ({ sub: '42', email: newAddress(), email_verified: true }),
    facebook: () => ({ sub: '10229', email: newAddress() }),
    linkedin: () => ({ sub: '782bbtaQ', email: newAddress(), email_verified: 'true' }),
    github: () => {
      const email = newAddress();
      const emails = [
        { email: 'old@x.example', primary: false, verified: true, visibility: null },
        { email, primary: true, verified: true, visibility: 'public' },
      ];
      return { sub: '583231', login: 'octocat', name: null, emails };
    },
    discord: () => ({ sub: '80351110224678912', username: 'nelly', email: newAddress(), verified: true }),
  };

  for (const name of ['google', 'microsoft', 'apple', 'gitlab', 'linkedin'] as const) {
    it(`${name}: an honest sign-in, and the same user again`, async () => {
      const person = people[name]();
      const first = await signIn(name, person);
      const sub = await subOf(first.rp, isSignedIn(first));
      const again = await signIn(name, person);
      expect(await subOf(again.rp, isSignedIn(again))).to.equal(sub);
    });
  }

  it('amr and acr say that another provider was asked, and nothing more (AC-20)', async () => {
    const { rp, answer } = await signIn('gitlab', {
      ...people.gitlab(),
      sub: '43',
      amr: ['mfa', 'hwk'],
      acr: 'phr',
    });
    const { claims } = await rp.exchange(callbackOf(answer));
    expect(claims).to.deep.include({ amr: ['fed'], acr: 'urn:postern:acr:upstream' });
  });

  for (const name of Object.keys(people) as (keyof typeof people)[]) {
    it(`AC-05 ${name}: where it is not marked as authoritative nobody is linked by its address`, async () => {
      const { answer } = await signIn(name, people[name](), 'shop');
      expect(answer.next ?? '').to.not.contain('code=');
    });
  }

  it('AC-05 an address that the provider does not vouch for is linked to nobody, even where it is authoritative', async () => {
    const unproved: [Name, Person][] = [
      ['google', { ...people.google(), sub: 'g1', hd: undefined, email: 'ada@elsewhere.example' }],
      ['google', { ...people.google(), sub: 'g2', email_verified: 'true' }],
      ['google', { ...people.google(), sub: 'g3', email_verified: 1 }],
      ['google', { ...people.google(), sub: 'g4', email_verified: undefined }],
      ['microsoft', { ...people.microsoft(), sub: 'm1', xms_edov: undefined, email_verified: true }],
      ['microsoft', { ...people.microsoft(), sub: 'm2', xms_edov: false }],
      ['apple', { ...people.apple(), sub: 'a1', email_verified: 'false' }],
      ['gitlab', { ...people.gitlab(), sub: 'l1', email_verified: 'true' }],
      ['gitlab', { ...people.gitlab(), sub: 'l2', email_verified: false }],
      ['facebook', { ...people.facebook(), sub: 'f1', email_verified: true }],
    ];
    for (const [name, person] of unproved) {
      const { answer } = await signIn(name, person);
      expect(answer.next ?? '', `${name} ${person.sub}`).to.not.contain('code=');
    }
  });

  it('AC-05 the flag of the token says nothing of an address that comes from userinfo', async () => {
    oidc.gitlab.twist = { claims: ({ email: _none, ...rest }) => rest };
    const { answer } = await signIn('gitlab', { ...people.gitlab(), sub: 'u1' });
    oidc.gitlab.twist = {};
    expect(answer.next ?? '').to.not.contain('code=');
  });

  it('google: the Workspace is told by the claim, not by the parameter', async () => {
    const person = people.google();
    const outside = { ...person, sub: 'w1', hd: 'evil.example' };
    for (const one of [outside, { ...person, sub: 'w2', hd: undefined }]) {
      const { answer, away } = await signIn('workspace', one, 'shop');
      expect(away.url.searchParams.get('hd')).to.equal('corp.example');
      expect(answer.body).to.contain('cannot be used here');
    }
  });

  it('AC-06 microsoft: the issuer is that of the tenant in the token, and only admitted tenants come in', async () => {
    const person = people.microsoft();
    const lying = { ...person, sub: 'x1', iss: `https://login.microsoftonline.com/${CONSUMERS}/v2.0` };
    expect((await signIn('microsoft', lying)).answer.body).to.contain('could not be confirmed');
    const odd = { ...person, sub: 'x2', tid: 'common' };
    expect((await signIn('microsoft', odd)).answer.body).to.contain('could not be confirmed');
    const stranger = { ...person, sub: 'x3', tid: CONSUMERS };
    expect((await signIn('staff', stranger)).answer.body).to.contain('cannot be used here');
    isSignedIn(await signIn('staff', { ...person, sub: 'x4', email: newAddress() }));
  });

  it('AC-08 apple: its form comes without our cookies; in another browser it is refused', async () => {
    const browser = newBrowser(harness);
    const away = await leaveFor(browser, harness.rp('trusting'), 'apple');
    const params = oidc.apple.authorize(away.url, { ...people.apple(), sub: 'other-browser' });
    // What Apple adds at the first sign-in; none of it is kept.
    params.set('user', JSON.stringify({ name: { firstName: 'Ada' }, email: 'eve@evil.example' }));
    const stranger = await comeBackByForm(newBrowser(harness), away, params);
    expect(stranger.status).to.equal(400);
    expect(stranger.body).to.not.contain('upstream-finish');
  });

  it('apple: asked by GET it is refused', async () => {
    const browser = newBrowser(harness);
    const away = await leaveFor(browser, harness.rp('trusting'), 'apple');
    const params = oidc.apple.authorize(away.url, people.apple());
    expect((await comeBack(browser, away, params)).status).to.equal(405);
  });

  it('every provider has a callback and a request of its own; scopes are the fewest', async () => {
    const seen = new Map<string, string>();
    for (const name of Object.keys(people)) {
      const { url, callback } = await leaveFor(newBrowser(harness), harness.rp(), name);
      expect(callback).to.equal(`${harness.url}/shop/callback/${name}`);
      seen.set(name, url.searchParams.get('scope') ?? '');
      expect([...url.searchParams.keys()]).to.not.include('login_hint');
    }
    expect(Object.fromEntries(seen)).to.deep.equal({
      google: 'openid email profile',
      microsoft: 'openid email profile',
      apple: 'openid email name',
      gitlab: 'openid email profile',
      facebook: 'openid email public_profile',
      linkedin: 'openid email profile',
      github: 'read:user user:email',
      discord: 'identify email',
    });
  });

  it('the audit log has the provider of each sign-in', async () => {
    const vias = (await allEvents(harness, 'trusting')).flatMap((event) =>
      event.type === 'sign_in.succeeded' ? [event.via] : [],
    );
    expect(vias).to.include.members(['google', 'microsoft', 'apple', 'gitlab', 'linkedin', 'staff']);
  });
});
