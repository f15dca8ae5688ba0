/** `/metrics` over a few sign-ins: the numbers are there, and no person is. */
import { expect } from 'chai';
import { Metrics, sumUp } from '../../../src/metrics/metrics.ts';
import { serveMetrics } from '../../../src/metrics-endpoint.ts';
import { callbackOf, type Harness, signInByCode, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { SecretBag } from '../../support/secret-bag.ts';
import { newBrowser } from '../../support/sign-in.ts';

describe('metrics', () => {
  const metrics = new Metrics();
  let harness: Harness;
  before(async () => {
    harness = await startPostern({ metrics, embedded: true });
  });
  after(() => harness.close());

  const seriesOf = (text: string): readonly string[] =>
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  async function journey(bag: SecretBag): Promise<void> {
    const [browser, rp, address] = [newBrowser(harness), harness.rp(), newAddress()];
    bag.add('address', address);
    const done = await signInByCode(harness, browser, rp, address);
    const callback = callbackOf(done);
    bag.add('code', new URL(callback).searchParams.get('code'));
    const tokens = await rp.exchange(callback);
    const refreshed = await rp.refresh(tokens.refresh_token ?? '');
    const { code, secret, id } = await harness.mailTo(address);
    for (const value of [tokens.access_token, tokens.refresh_token, refreshed.refresh_token])
      bag.add('token', value);
    for (const value of [code, secret, id, tokens.claims?.sub]) bag.add('mail or subject', value);
    for (const hop of done.hops) bag.add('path', new URL(hop.url).pathname.split('/').at(3));
    await rp.refresh(tokens.refresh_token ?? '').catch(() => undefined);
    bag.addCookies(browser);
  }

  it('ML-02 counts what happens and holds no secret, id, address or path of anybody', async () => {
    const bag = new SecretBag();
    for (let round = 0; round < 3; round += 1) await journey(bag);
    const text = await metrics.text();
    expect(bag.size).to.be.above(30);
    expect(bag.foundIn(text)).to.deep.equal([]);
    expect(text).to.match(
      /^postern_sign_ins_total\{app="shop",method="magic_link",outcome="succeeded"\} 3$/m,
    );
    expect(text).to.match(/^postern_tokens_total\{app="shop",grant="authorization_code"\} 3$/m);
    expect(text).to.match(/^postern_tokens_total\{app="shop",grant="refresh_token"\} [3-6]$/m);
    expect(text).to.match(/^postern_mails_total\{app="shop",transport="capture",outcome="accepted"\} 3$/m);
    expect(text).to.match(
      /^postern_http_requests_total\{app="shop",route="\/token",method="POST",status="200"\} \d/m,
    );
    expect(text).to.match(/^postern_store_seconds_count\{operation="records.replace"\} [1-9]/m);
    expect(text).to.match(/^postern_store_batch_size_count [1-9]/m);
    expect(text).to.match(/^postern_jobs_waiting\{kind="mail"\} 0$/m);
    expect(text).to.match(/^postern_engines \d+$/m);
    expect(text).to.match(/^nodejs_eventloop_lag_seconds /m);
  });

  it('ML-02 grows no series by what callers send', async () => {
    await journey(new SecretBag());
    const poke = async (nth: number): Promise<void> => {
      const url = (path: string) => `${harness.url}${path}`;
      await fetch(url(`/nobody-${nth}/auth`));
      await fetch(url(`/shop/interaction/${nth}/${nth}`));
      await fetch(url(`/shop/nothing/${nth}?a=${nth}`), { method: 'PUT' });
      await fetch(url('/shop/token'), {
        method: 'POST',
        body: new URLSearchParams({ grant_type: `grant-${nth}`, client_id: `client-${nth}` }),
      });
    };
    // The house calls the store by itself too, and may do so in a new way in between.
    const ofCallers = async () =>
      seriesOf(await metrics.text()).filter((line) => !line.startsWith('postern_store_')).length;
    await poke(0);
    const before = await ofCallers();
    for (let nth = 1; nth <= 20; nth += 1) await poke(nth);
    expect(await ofCallers()).to.equal(before);
  });

  it('adds up over processes: sums of counts, the greater of what all see alike', async () => {
    const [one, other] = [new Metrics({ withProcess: false }), new Metrics({ withProcess: false })];
    for (const each of [one, other]) {
      each.mail({ slug: 'shop' }, 'smtp', 'accepted');
      each.onLook(async () => ({
        breakers: [],
        engines: 2,
        jobs: [{ kind: 'mail', waiting: 7, oldestMs: 500 }],
      }));
    }
    const text = await sumUp([await one.values(), await other.values()]);
    expect(text).to.contain('postern_mails_total{app="shop",transport="smtp",outcome="accepted"} 2');
    expect(text).to.contain('postern_jobs_waiting{kind="mail"} 7');
    expect(text).to.contain('postern_engines 4');
  });

  it('gives apps beyond the hundredth one name', async () => {
    const many = new Metrics({ withProcess: false });
    for (let nth = 0; nth < 150; nth += 1) many.mail({ slug: `app-${nth}` }, 'smtp', 'accepted');
    const lines = seriesOf(await many.text()).filter((line) => line.startsWith('postern_mails_total'));
    expect(lines).to.have.length(101);
    expect(lines).to.include('postern_mails_total{app="other",transport="smtp",outcome="accepted"} 50');
  });

  it('is served on its own port only, and goes on while the store is away', async () => {
    const broken = new Metrics({ withProcess: false });
    broken.onLook(() => Promise.reject(new Error('away')));
    broken.requestRefused();
    const endpoint = await serveMetrics({ host: '127.0.0.1', port: 0 }, () => broken.text());
    try {
      const answer = await fetch(`http://127.0.0.1:${endpoint.port}/metrics`);
      expect(answer.headers.get('content-type')).to.match(/^text\/plain/);
      expect(await answer.text()).to.contain('postern_http_requests_refused_total 1');
      expect((await fetch(`http://127.0.0.1:${endpoint.port}/`)).status).to.equal(404);
      expect((await fetch(`${harness.url}/metrics`)).status).to.equal(404);
    } finally {
      endpoint.close();
    }
  });
});
