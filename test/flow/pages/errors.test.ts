/** Error pages: what a person can do on them, and the reference number that leads an operator to the log line. */
import { expect } from 'chai';
import type { Log } from '../../../src/lib/log.ts';
import { APPS, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { type Answer, Browser, formWith, pageOf } from '../../support/relying-party.ts';

const HOUR = 3_600_000;
const EVIL = 'https://evil.example/<script>alert(1)</script>';

describe('error pages', () => {
  const lines: (Record<string, unknown> & { message: string })[] = [];
  const line = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const log: Log = { debug: () => undefined, info: line, warn: line, error: line };
  let harness: Harness;
  before(async () => {
    const clients = {
      ...APPS.shop.clients,
      homely: publicClient({ client_name: 'Homely', initiate_login_uri: 'https://client.test/start' }),
    };
    harness = await startPostern({ log, apps: { shop: { ...APPS.shop, clients }, studio: APPS.studio } });
  });
  after(() => harness.close());

  const authorize = async (params: object, client = 'web'): Promise<Answer> =>
    new Browser().visit(await harness.rp('shop', client).authorizationUrl({ ...params }));

  async function expiredInteraction(): Promise<Answer> {
    const browser = new Browser({ now: harness.clock.now });
    const page = await browser.visit(await harness.rp().authorizationUrl());
    harness.clock.move(2 * HOUR);
    try {
      return await browser.submit(formWith(page, 'email'), { email: newAddress() });
    } finally {
      harness.clock.move(-2 * HOUR);
    }
  }

  const at = (path: string) => new Browser().visit(`${harness.url}${path}`);
  const put = (path: string) => new Browser().fetch(`${harness.url}${path}`, { method: 'PUT' });

  const CASES: readonly (readonly [string, number, () => Promise<Answer>])[] = [
    ['an unregistered redirect URI', 400, () => authorize({ redirect_uri: EVIL })],
    ['an unknown client', 400, () => authorize({ client_id: 'nobody' })],
    ['an expired interaction', 400, expiredInteraction],
    ['an unknown interaction', 400, () => at(`/shop/interaction/${'A'.repeat(43)}`)],
    ['an unknown path under an app', 404, () => at('/shop/no/such/place')],
    ['an unknown app', 404, () => at('/nowhere/auth')],
    ['a wrong method', 405, () => put(`/shop/interaction/${'A'.repeat(43)}`)],
  ];

  for (const [name, status, ask] of CASES) {
    it(`OA-03 WB-09 ${name}: a page of ours whose reference number stands in the log`, async () => {
      const answer = await ask();
      expect(answer.status, answer.body.slice(0, 300)).to.equal(status);
      expect(answer.next).to.equal(undefined);
      expect(answer.headers['content-type']).to.match(/^text\/html/);
      const reference = String(answer.headers['postern-reference']);
      expect(pageOf(answer).text).to.include(reference);
      const told = lines.filter((one) => one.reference === reference);
      expect(told.map(({ status: logged }) => logged)).to.include(status);
      expect(JSON.stringify(told)).not.to.include('evil.example');
      expect(answer.body).not.to.include('evil.example');
    });
  }

  it('OA-03 the way on is the home that the client registered, never what the request names', async () => {
    const links = pageOf(await authorize({ redirect_uri: EVIL, initiate_login_uri: EVIL }, 'homely')).links;
    expect(links.map(({ url }) => `${new URL(url).origin}${new URL(url).pathname}`)).to.include(
      'https://client.test/start',
    );
    for (const { url } of links) expect(url).not.to.include('evil.example');
    const unknown = pageOf(await authorize({ client_id: 'nobody', redirect_uri: EVIL })).links;
    for (const { url } of unknown) expect(new URL(url).origin).to.equal(harness.url);
  });
});
