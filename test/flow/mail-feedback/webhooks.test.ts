/** What providers tell of our mails, from their request to the page that waits; and what has no effect. */
import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/core/clock.ts';
import { type EmailAddress, parseEmailAddress } from '../../../src/core/email-address.ts';
import { Keyring } from '../../../src/core/keyring.ts';
import { mailboxHash } from '../../../src/core/mailbox-hash.ts';
import type { OutgoingMail, Transport } from '../../../src/mail/transport.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { ask, type Harness, publicClient, startPostern } from '../../support/harness.ts';
import { auditOf, newAddress } from '../../support/logins.ts';
import type { Answer, Browser } from '../../support/relying-party.ts';
import { newBrowser } from '../../support/sign-in.ts';
import { SNS_CERTIFICATE, snsMessage } from '../../support/sns.ts';

const SECRET = 'a-secret-that-postmark-sends-along';
const OTHER_SECRET = 'a-secret-of-another-app-entirely-1';
const SIGNING = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:mail';
const SNS_HOST = 'sns.eu-central-1.amazonaws.com';

const transports = (secret: string) => [
  { type: 'postmark', server_token: 'token', webhook: { secret } },
  { type: 'resend', api_key: 'key', webhook: { secret: SIGNING } },
  {
    type: 'ses',
    region: 'eu-central-1',
    access_key_id: 'id',
    secret_access_key: 'key',
    webhook: { topic_arn: TOPIC },
  },
  { type: 'brevo', api_key: 'key' },
];
const clients = { web: publicClient({ client_name: 'Web' }) };
const CONFIGURED = {
  shop: { name: 'Shop', clients, mail: { transports: transports(SECRET) } },
  bank: { name: 'Bank', clients, mail: { transports: transports(OTHER_SECRET) } },
};

interface Sent {
  readonly providerId: string;
  readonly messageId: string;
}

describe('feedback of mail providers', () => {
  let harness: Harness;
  let carrier = 'postmark';
  const sent = new Map<string, Sent>();
  const fetched: string[] = [];

  /** A provider that takes every mail and gives it an id of its own. */
  const provider: Transport = {
    get name() {
      return carrier;
    },
    send: async ({ to, messageId }: OutgoingMail) => {
      const providerId = `${carrier}-${sent.size + 1}`;
      sent.set(to, { providerId, messageId });
      return { outcome: 'accepted', providerId };
    },
    close: async () => undefined,
  };

  before(async () => {
    harness = await startPostern({
      apps: CONFIGURED,
      transport: provider,
      fetch: async (url) => {
        fetched.push(String(url));
        return new Response(String(url).endsWith('.pem') ? SNS_CERTIFICATE : 'ok');
      },
    });
  });
  after(() => harness.close());
  afterEach(() => {
    carrier = 'postmark';
    fetched.length = 0;
    restoreTime();
  });

  const parsed = (written: string): EmailAddress => {
    const address = parseEmailAddress(written);
    if (!address) throw new Error(`not an address: ${written}`);
    return address;
  };
  const appId = (slug = 'shop') => {
    const app = harness.server.apps.bySlug(slug);
    if (!app) throw new Error(`no app ${slug}`);
    return app.id;
  };
  const suppression = (address: string, slug = 'shop') =>
    harness.server.suppressions.find(appId(slug), parsed(address));

  interface Waiting extends Sent {
    readonly address: string;
    state(): Promise<string>;
  }

  /** A person who waits for a mail that the provider has taken. */
  async function waiting(slug = 'shop', address = newAddress()): Promise<Waiting> {
    const browser: Browser = newBrowser(harness);
    const page: Answer = await ask(browser, harness.rp(slug), address);
    while (!sent.has(address)) await harness.server.jobs.runDue();
    const state = async (): Promise<string> => {
      await harness.server.jobs.runDue();
      const status = await browser.fetch(page.url.replace('/begin', '/status'));
      return JSON.parse(status.body).mail;
    };
    for (let look = 0; look < 500 && (await state()) === 'queued'; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { providerId, messageId } = sent.get(address) ?? { providerId: '', messageId: '' };
    return { address, providerId, messageId, state };
  }

  interface Posted {
    readonly status: number;
    readonly body: string;
    readonly headers: Headers;
  }

  async function post(
    path: string,
    body: string | Buffer | Uint8Array<ArrayBuffer>,
    headers: object = {},
  ): Promise<Posted> {
    const answer = await fetch(`${harness.url}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
    return { status: answer.status, body: await answer.text(), headers: answer.headers };
  }

  /** A body whose length nobody has said, on a connection of its own. */
  const endless = (path: string): Promise<Posted> =>
    new Promise((resolve) => {
      const answered = (status: number) => resolve({ status, body: '', headers: new Headers() });
      const sending = request(`${harness.url}${path}`, {
        method: 'POST',
        headers: basic(SECRET),
        agent: false,
      });
      sending.on('response', (answer) => {
        answered(answer.statusCode ?? 0);
        sending.destroy();
      });
      // Cut off while it was still being sent: the answer was lost on its way.
      sending.on('error', () => answered(413));
      for (let nth = 0; nth < 40; nth += 1) sending.write(' '.repeat(64 * 1024));
      sending.end();
    });

  const basic = (secret: string) => ({
    authorization: `Basic ${Buffer.from(`postern:${secret}`).toString('base64')}`,
  });
  const postmark = (told: object, secret = SECRET, slug = 'shop') =>
    post(`/${slug}/mail/webhooks/postmark`, JSON.stringify(told), basic(secret));
  const bounceOf = ({ providerId, address }: Pick<Waiting, 'providerId' | 'address'>, more: object = {}) => ({
    RecordType: 'Bounce',
    Type: 'HardBounce',
    MessageID: providerId,
    Email: address,
    BouncedAt: new Date(harness.clock.now()).toISOString(),
    ...more,
  });
  const deliveryOf = ({ providerId, address }: Waiting) => ({
    RecordType: 'Delivery',
    MessageID: providerId,
    Recipient: address,
    DeliveredAt: new Date(harness.clock.now()).toISOString(),
  });

  it('a hard bounce: the page that waits says so, the mailbox is suppressed, the next mail is held back', async () => {
    const person = await waiting();
    expect(await person.state()).to.equal('handed_over');
    const answer = await postmark(bounceOf(person));
    expect(answer.status).to.equal(200);
    expect(answer.headers.getSetCookie()).to.deep.equal([]);
    expect(await person.state()).to.equal('refused');
    expect(await suppression(person.address)).to.include({ reason: 'bounced', by: 'postmark' });
    const next = await ask(newBrowser(harness), harness.rp(), person.address);
    expect(next.body).to.include('data-mail="suppressed"');
    expect(await suppression(person.address, 'bank'), 'another app').to.equal(undefined);
  });

  it('delivered, delayed: the page that waits follows', async () => {
    const person = await waiting();
    expect((await postmark(bounceOf(person, { Type: 'Transient' }))).status).to.equal(200);
    expect(await person.state()).to.be.oneOf(['delayed', 'retrying']);
    expect(await suppression(person.address)).to.equal(undefined);
    passTime(harness, SECOND);
    expect((await postmark(deliveryOf(person))).status).to.equal(200);
    expect(await person.state()).to.equal('accepted');
  });

  it('out of order: what was delivered may bounce, what has bounced is not delivered afterwards', async () => {
    const person = await waiting();
    const delivered = deliveryOf(person);
    const delayed = bounceOf(person, { Type: 'Transient' });
    passTime(harness, SECOND);
    await postmark(bounceOf(person));
    passTime(harness, SECOND);
    await postmark(delivered);
    await postmark(delayed);
    expect(await person.state()).to.equal('refused');
    expect(await suppression(person.address)).to.include({ reason: 'bounced' });
  });

  it('told twenty times at once: one event', async () => {
    const person = await waiting();
    const told = bounceOf(person);
    const answers = await Promise.all(Array.from({ length: 20 }, () => postmark(told)));
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200]));
    const mailbox = mailboxHash(new Keyring(harness.config.secrets), parsed(person.address));
    const events = (await auditOf(harness)).filter(
      (event) => event.type === 'mail.suppressed' && event.mailbox === mailbox,
    );
    expect(events).to.have.length(1);
  });

  it('a complaint holds mails back for a year', async () => {
    const person = await waiting();
    await postmark({
      RecordType: 'SpamComplaint',
      Type: 'SpamComplaint',
      MessageID: person.providerId,
      Email: person.address,
    });
    const held = await suppression(person.address);
    expect(held).to.include({ reason: 'complained' });
    expect((held?.until ?? 0) - (held?.since ?? 0)).to.equal(365 * DAY);
  });

  it('a soft bounce is told, and suppresses nobody', async () => {
    const person = await waiting();
    await postmark(bounceOf(person, { Type: 'SoftBounce' }));
    expect(await person.state()).to.equal('refused');
    expect(await suppression(person.address)).to.equal(undefined);
  });

  describe('has no effect', () => {
    async function untouched(person: Waiting, act: () => Promise<Posted>, status: number): Promise<Posted> {
      const answer = await act();
      expect(answer.status).to.equal(status);
      expect(await person.state()).to.equal('handed_over');
      expect(await suppression(person.address)).to.equal(undefined);
      return answer;
    }

    it('without the secret, or with that of another app: 401 and no word more', async () => {
      const person = await waiting();
      const told = bounceOf(person);
      const path = '/shop/mail/webhooks/postmark';
      const bodies = new Set<string>();
      for (const headers of [
        {},
        basic('wrong'),
        basic(OTHER_SECRET),
        basic(''),
        { authorization: `Bearer ${OTHER_SECRET}` },
      ]) {
        const answer = await untouched(person, () => post(path, JSON.stringify(told), headers), 401);
        bodies.add(answer.body);
        expect(answer.headers.get('www-authenticate')).to.equal(null);
      }
      expect([...bodies]).to.deep.equal(['not taken\n']);
    });

    it('by another app, though that knows the id: neither its own webhook nor ours with its secret', async () => {
      const person = await waiting();
      await untouched(person, () => postmark(bounceOf(person), OTHER_SECRET, 'bank'), 200);
      await untouched(person, () => postmark(bounceOf(person), SECRET, 'bank'), 401);
    });

    it('for another recipient, an unknown id, an unknown kind, another transport of the same app', async () => {
      const person = await waiting();
      const victim = newAddress();
      await untouched(person, () => postmark(bounceOf({ ...person, address: victim })), 200);
      expect(await suppression(victim)).to.equal(undefined);
      await untouched(person, () => postmark(bounceOf({ ...person, providerId: 'unknown' })), 200);
      await untouched(person, () => postmark(bounceOf(person, { Type: 'Exploded' })), 200);
      await untouched(person, () => postmark(bounceOf(person, { RecordType: 'Open' })), 200);
      await untouched(
        person,
        () => postmark(bounceOf(person, { Email: `${person.address}, ${victim}` })),
        200,
      );
      const told = {
        type: 'email.bounced',
        data: { email_id: person.providerId, to: [person.address], bounce: { type: 'Permanent' } },
      };
      await untouched(person, () => resend(told), 200);
    });

    it('where nothing is configured, and by other verbs', async () => {
      const person = await waiting();
      const body = JSON.stringify(bounceOf(person));
      for (const path of [
        '/shop/mail/webhooks/brevo',
        '/shop/mail/webhooks/mailgun',
        '/shop/mail/webhooks/postmark/dsn',
        '/shop/mail/webhooks/__proto__',
        '/shop/mail/webhooks/postmark/x',
        '/shop/mail/webhooks/',
        '/nobody/mail/webhooks/postmark',
      ]) {
        await untouched(person, () => post(path, body, basic(SECRET)), 404);
      }
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const answer = await fetch(`${harness.url}/shop/mail/webhooks/postmark`, {
          method,
          headers: basic(SECRET),
        });
        expect(answer.status, method).to.equal(405);
        expect(answer.headers.get('allow')).to.equal('POST');
      }
    });

    it('WB-09 in a body that is huge, compressed, nested, no JSON, or full of prototypes', async () => {
      const person = await waiting();
      const told = JSON.stringify(bounceOf(person));
      const path = '/shop/mail/webhooks/postmark';
      const as =
        (body: string | Buffer, headers: object = {}) =>
        () =>
          post(path, body, { ...basic(SECRET), ...headers });
      await untouched(person, as(`${told.slice(0, -1)},"x":"${'x'.repeat(1024 * 1024)}"}`), 413);
      await untouched(person, as(gzipSync(told), { 'content-encoding': 'gzip' }), 400);
      await untouched(person, as(told, { 'content-encoding': 'br' }), 400);
      await untouched(person, () => endless(path), 413);
      await untouched(person, as(`${'['.repeat(300_000)}${']'.repeat(300_000)}`), 400);
      await untouched(person, as(`${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`), 400);
      await untouched(person, as('{'), 400);
      await untouched(person, as(''), 400);
      await untouched(person, as(Buffer.from([0xff, 0xfe, 0x00])), 400);
      await untouched(
        person,
        as('{"__proto__":{"RecordType":"Bounce"},"constructor":{"prototype":{"x":1}}}'),
        400,
      );
      await untouched(person, as(`{"MessageID":{"$ne":null},"RecordType":"Bounce"}`), 400);
      expect(({} as { x?: number }).x).to.equal(undefined);
    });

    it('a cookie or an origin: neither is looked at, and none is set', async () => {
      const person = await waiting();
      const headers = { ...basic('wrong'), cookie: 'a=b', origin: harness.url };
      const answer = await untouched(person, () => post('/shop/mail/webhooks/postmark', '{}', headers), 401);
      expect(answer.headers.getSetCookie()).to.deep.equal([]);
      expect(answer.headers.get('access-control-allow-origin')).to.equal(null);
    });
  });

  function resend(
    told: object,
    { id = `msg_${Math.floor(harness.clock.now())}_${sent.size}`, at = harness.clock.now() } = {},
  ) {
    const body = JSON.stringify(told);
    const stamp = String(Math.floor(at / 1000));
    const key = Buffer.from(SIGNING.slice(6), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${stamp}.${body}`).digest('base64');
    const headers = { 'svix-id': id, 'svix-timestamp': stamp, 'svix-signature': `v1,${mac}` };
    return post('/shop/mail/webhooks/resend', body, headers);
  }

  describe('signed messages', () => {
    const bounced = ({ providerId, address }: Waiting) => ({
      type: 'email.bounced',
      data: { email_id: providerId, to: [address], bounce: { type: 'Permanent', subType: 'General' } },
    });

    it('a replay has no effect, though the operator has let the mailbox in again meanwhile', async () => {
      carrier = 'resend';
      const person = await waiting();
      const message = { id: 'msg_replayed', at: harness.clock.now() };
      expect((await resend(bounced(person), message)).status).to.equal(200);
      expect(await suppression(person.address)).to.include({ reason: 'bounced' });
      passTime(harness, MINUTE);
      await harness.server.suppressions.remove(appId(), parsed(person.address));
      expect((await resend(bounced(person), message)).status).to.equal(200);
      expect(await suppression(person.address)).to.equal(undefined);
      passTime(harness, 5 * MINUTE);
      expect((await resend(bounced(person), message)).status).to.equal(401);
      expect(await suppression(person.address)).to.equal(undefined);
    });

    it('too old, too new and wrongly signed: refused', async () => {
      carrier = 'resend';
      const person = await waiting();
      const now = harness.clock.now();
      expect((await resend(bounced(person), { at: now - 6 * MINUTE })).status).to.equal(401);
      expect((await resend(bounced(person), { at: now + 6 * MINUTE })).status).to.equal(401);
      const unsigned = await post(
        '/shop/mail/webhooks/resend',
        JSON.stringify(bounced(person)),
        basic(SECRET),
      );
      expect(unsigned.status).to.equal(401);
      expect(await suppression(person.address)).to.equal(undefined);
    });
  });

  describe('Amazon SES', () => {
    const notification = (person: Waiting, type = 'Permanent') =>
      JSON.stringify({
        notificationType: 'Bounce',
        bounce: {
          bounceType: type,
          bounceSubType: 'General',
          bouncedRecipients: [{ emailAddress: person.address }],
        },
        mail: { messageId: person.providerId, destination: [person.address] },
      });
    const ses = (fields: object, host = SNS_HOST) => {
      const Timestamp = new Date(harness.clock.now()).toISOString();
      return post(
        '/shop/mail/webhooks/ses',
        snsMessage({ TopicArn: TOPIC, Timestamp, Message: '', ...fields }, host),
        {
          'content-type': 'text/plain; charset=UTF-8',
        },
      );
    };

    it('a bounce by SNS suppresses; the certificate comes from the region of the topic, once', async () => {
      carrier = 'ses';
      const person = await waiting();
      expect((await ses({ Message: notification(person) })).status).to.equal(200);
      expect(await suppression(person.address)).to.include({ reason: 'bounced', by: 'ses' });
      expect(await person.state()).to.equal('refused');
      const certificates = fetched.filter((url) => url.endsWith('.pem'));
      expect(new Set(certificates)).to.deep.equal(
        new Set([`https://${SNS_HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`]),
      );
    });

    it('the subscription is confirmed at AWS and nowhere else', async () => {
      const confirm = (SubscribeURL: string) =>
        ses({ Type: 'SubscriptionConfirmation', Token: 'token', SubscribeURL });
      const good = `https://${SNS_HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=token`;
      expect((await confirm(good)).status).to.equal(200);
      expect(fetched.at(-1)).to.equal(good);
      const calls = fetched.filter((url) => !url.endsWith('.pem')).length;
      for (const bad of [
        'https://evil.example/?Action=ConfirmSubscription',
        `https://${SNS_HOST}.evil.example/?Action=ConfirmSubscription`,
        `https://${SNS_HOST}@evil.example/?Action=ConfirmSubscription`,
        `http://${SNS_HOST}/?Action=ConfirmSubscription`,
        `https://${SNS_HOST}:444/?Action=ConfirmSubscription`,
        `https://${SNS_HOST}/?Action=DeleteTopic`,
        'http://169.254.169.254/latest/meta-data',
      ]) {
        expect((await confirm(bad)).status, bad).to.equal(400);
      }
      expect(fetched.filter((url) => !url.endsWith('.pem'))).to.have.length(calls);
    });

    it('another topic, a certificate elsewhere, an old message: 401, and nothing is fetched', async () => {
      carrier = 'ses';
      const person = await waiting();
      const Message = notification(person);
      expect((await ses({ Message, TopicArn: TOPIC.replace('1234', '9999') })).status).to.equal(401);
      expect((await ses({ Message }, 'sns.evil.com')).status).to.equal(401);
      expect((await ses({ Message }, 'sns.eu-central-1.amazonaws.com.evil.com')).status).to.equal(401);
      expect((await ses({ Message }, 'sns.us-east-1.amazonaws.com')).status).to.equal(401);
      const Timestamp = new Date(harness.clock.now() - 25 * HOUR).toISOString();
      expect((await ses({ Message, Timestamp })).status).to.equal(401);
      expect(fetched).to.deep.equal([]);
      expect(await suppression(person.address)).to.equal(undefined);
    });
  });
});
