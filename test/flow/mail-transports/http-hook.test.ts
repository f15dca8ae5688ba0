import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { type FakeProvider, type ProviderCall, startFakeProvider } from '../../support/fake-provider.ts';
import { LINK, mailOf, type Opened, openTransport } from './open-transport.ts';

const KEY = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');

/** As docs/guide/mail.md tells the owner of a receiver to do it. */
function isGenuine({ headers, text }: ProviderCall, key = KEY): boolean {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(expected);
}

describe('mail by a signed HTTP hook', () => {
  let receiver: FakeProvider;
  let opened: Opened;
  beforeEach(async () => {
    receiver = await startFakeProvider();
    opened = openTransport({
      type: 'http',
      url: `${receiver.url}/mail`,
      secret: `whsec_${KEY.toString('base64')}`,
    });
  });
  afterEach(async () => {
    await opened.close();
    await receiver.close();
  });

  it('carries all of the mail, signed, with the same id for every repeat', async () => {
    receiver.answer({ status: 200, json: { id: 'receiver-7' } });
    expect(await opened.transport.send(mailOf())).deep.equal({
      outcome: 'accepted',
      providerId: 'receiver-7',
    });
    opened.clock.move(5000);
    await opened.transport.send(mailOf());
    const [first, second] = receiver.calls;
    if (!first || !second) throw new Error('two requests expected');
    expect([first, second].map((call) => isGenuine(call))).deep.equal([true, true]);
    expect(isGenuine({ ...first, text: first.text.replace('a@example.org', 'z@z.com') })).equal(false);
    expect(isGenuine({ ...first, headers: { ...first.headers, 'webhook-timestamp': '1' } })).equal(false);
    expect(first.headers['webhook-id']).equal(second.headers['webhook-id']);
    expect(Number(first.headers['webhook-timestamp'])).equal(Math.floor((opened.clock.now() - 5000) / 1000));
    expect(first.json).include({ type: 'mail.send' });
    expect(first.json.data).deep.include({
      id: 'mail-1',
      message_id: '<mail-1@shop.example>',
      to: 'a@example.org',
      from: { name: 'Shop', address: 'no-reply@shop.example' },
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    });
    expect(JSON.stringify(first.json.data)).include(LINK);
  });

  it('agrees with the example that the Standard Webhooks project publishes', () => {
    // https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/index.test.ts
    const call = {
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      text: '{"test": 2432232314}',
    };
    expect(isGenuine(call as unknown as ProviderCall)).equal(true); // only these fields are read
  });

  it('takes any 2xx for a yes, and the scope of a refusal from the receiver', async () => {
    const sent = async (status: number, json?: unknown) => {
      receiver.answer({ status, ...(json === undefined ? {} : { json }) });
      return opened.transport.send(mailOf());
    };
    expect(await sent(204)).deep.equal({ outcome: 'accepted' });
    expect(await sent(422, { scope: 'recipient', code: 'no_such_mailbox' })).deep.equal({
      outcome: 'refused',
      scope: 'recipient',
      reason: 'HTTP 422 no_such_mailbox',
    });
    expect(await sent(422)).include({ outcome: 'refused', scope: 'message' });
    expect(await sent(401)).include({ outcome: 'refused', scope: 'transport' });
    expect(await sent(500)).include({ outcome: 'deferred', scope: 'transport' });
    expect(await sent(422, { code: 'a@example.org is <b>unknown</b>' })).include({ reason: 'HTTP 422' });
  });
});
