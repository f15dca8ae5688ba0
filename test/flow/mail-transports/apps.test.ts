import { expect } from 'chai';
import { appSchema } from '../../../src/config/schema.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { TransportPool } from '../../../src/mail/transports/create-transports.ts';
import { createProviderFetch } from '../../../src/outbound/provider-fetch.ts';
import { type FakeProvider, startFakeProvider } from '../../support/fake-provider.ts';
import { APPS, ask, callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { Browser, formWith } from '../../support/relying-party.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

interface Sent {
  readonly to: string;
  readonly text: string;
  readonly from: object;
  readonly headers: object;
}

describe('an app sends through the transports of its configuration', () => {
  let receiver: FakeProvider;
  let harness: Harness;
  beforeEach(async () => {
    receiver = await startFakeProvider();
    const mail = { transports: [{ type: 'http', url: receiver.url, secret: SECRET }] };
    harness = await startPostern({
      apps: {
        shop: { ...APPS.shop, mail },
        studio: { ...APPS.studio, mail: { ...mail, from: 'hello@studio.example' } },
      },
    });
  });
  afterEach(async () => {
    await harness.close();
    await receiver.close();
  });
  const mailsTo = async (address: string) => {
    for (let look = 0; look < 200; look += 1) {
      await harness.server.jobs.runDue();
      const found = receiver.calls.map(({ json }) => json.data as Sent);
      const mine = found.filter(({ to }) => to === address);
      if (mine.length > 0) return mine;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('no mail');
  };

  it('signs somebody in by a mail that went out there, and by none other', async () => {
    receiver.answer({ status: 200, json: { id: 'one' } });
    const browser = new Browser({ now: harness.clock.now });
    const address = newAddress();
    const waiting = await ask(browser, harness.rp(), address);
    const [mail, ...more] = await mailsTo(address);
    expect(more).to.have.length(0);
    expect(mail?.headers).to.not.have.property('X-PM-TrackLinks');
    const code =
      /^(\d{4}) (\d{4})$/m
        .exec(mail?.text ?? '')
        ?.slice(1)
        .join('') ?? '';
    const answer = await browser.submit(formWith(waiting, 'code'), { code }, { from: waiting.url });
    expect(new URL(callbackOf(answer)).searchParams.get('code')).to.be.a('string');
    expect(harness.mails()).to.have.length(0);
  });

  it('apps with equal settings share the connections, each under its own name', async () => {
    receiver.answer({ status: 204 });
    for (const slug of ['shop', 'studio', 'shop', 'studio']) {
      const address = newAddress();
      await ask(new Browser({ now: harness.clock.now }), harness.rp(slug), address);
      const [mail] = await mailsTo(address);
      expect(mail?.from).to.deep.include({ name: slug === 'shop' ? 'Shop' : 'Studio' });
    }
    expect(receiver.connections).to.be.at.most(2);
  });

  it('apps with equal settings have one transport, unless they sign with different keys', async () => {
    const fetch = createProviderFetch();
    const pool = new TransportPool({
      fetch,
      clock: harness.clock,
      log: silentLog,
      smtpUrl: 'smtps://x.example',
    });
    const smtp = { type: 'smtp', host: 'mail.example', tls: 'starttls' } as const;
    const mailOf = (more: object) => appSchema.parse({ name: 'Shop', mail: more }).mail;
    const of = (mail: object, senderDomain = 'shop.example') =>
      pool.of({ mail: mailOf(mail), senderDomain })[0];
    const dkim = { selector: 's1', private_key: 'PEM' };
    expect(of({ transports: [smtp] })).to.equal(of({ transports: [{ ...smtp }] }));
    expect(of({})).to.equal(of({}, 'studio.example'));
    expect(of({ transports: [smtp] })).to.not.equal(of({ transports: [{ ...smtp, port: 2525 }] }));
    expect(of({ transports: [smtp], dkim })).to.not.equal(of({ transports: [smtp] }));
    expect(of({ transports: [smtp], dkim })).to.not.equal(of({ transports: [smtp], dkim }, 'studio.example'));
    await pool.close();
  });

  it('AD-05 the store, and the jobs in it, hold neither credential nor link', async () => {
    receiver.answer({ status: 503 });
    const address = newAddress();
    await ask(new Browser({ now: harness.clock.now }), harness.rp(), address);
    const [mail] = await mailsTo(address);
    const dump = await harness.dump();
    const link = /https?:\/\/\S+#(\S+)/.exec(mail?.text ?? '')?.[1] ?? 'none';
    expect(dump).to.include('challenge').and.not.include(SECRET).and.not.include(link);
  });
});
