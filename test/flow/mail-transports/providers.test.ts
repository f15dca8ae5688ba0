import { createHash, createHmac } from 'node:crypto';
import { expect } from 'chai';
import { CA, EXPIRED, GOOD, KEY, OTHER_HOST } from '../../support/certificates.ts';
import {
  type FakeProvider,
  type ProviderCall,
  type Reply,
  startFakeProvider,
  TROUBLE,
} from '../../support/fake-provider.ts';
import { LINK, mailOf, type Opened, openTransport } from './open-transport.ts';
import { PROVIDERS } from './providers.fixture.ts';
import { partsOf, trackingOf } from './request-parts.ts';

const HOSTILE = 'Shop\r\nBcc: z@z.com\r\n\r\n<z@z.com>, y@y.com "';

describe('mail by the HTTP interfaces of providers', () => {
  let provider: FakeProvider;
  const opened: Opened[] = [];
  const open = (name: string, limits = {}): Opened => {
    const one = openTransport({ ...PROVIDERS[name]?.settings, base_url: provider.url }, { limits });
    opened.push(one);
    return one;
  };
  beforeEach(async () => {
    provider = await startFakeProvider();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await provider.close();
  });

  for (const [name, fixture] of Object.entries(PROVIDERS)) {
    describe(name, () => {
      it(`sends as ${fixture.description} says, and gives the provider's id`, async () => {
        const { transport } = open(name);
        provider.answer(fixture.accepted);
        expect(await transport.send(mailOf())).deep.equal({
          outcome: 'accepted',
          providerId: fixture.providerId,
        });
        expect(transport.name).equal(name);
        const [call] = provider.calls;
        expect(call).include({ method: 'POST', path: fixture.path });
        for (const [header, value] of Object.entries(fixture.headers)) {
          if (typeof value === 'string') expect(call?.headers[header], header).equal(value);
          else expect(call?.headers[header], header).match(value);
        }
        const parts = await partsOf(name, call);
        expect(parts.text).include(`\n${LINK}\n`);
        expect(parts.html).include(`href="${LINK}"`);
        expect(parts).include({ to: 'a@example.org', from: 'no-reply@shop.example', name: 'Shop' });
        if (name !== 'brevo') expect(parts.messageId).equal('<mail-1@shop.example>');
        expect(parts.headers).include({ 'auto-submitted': 'auto-generated' });
      });

      it('ML-05 switches tracking off in its own way, and sends no header of another', async () => {
        const { transport } = open(name);
        provider.answer(fixture.accepted);
        await transport.send(mailOf());
        // Of a template that was written without a thought of any provider.
        await transport.send(mailOf({ html: `<p><a href="${LINK}">Sign in</a></p>` }));
        expect(provider.calls).length(2);
        for (const call of provider.calls) expect(await trackingOf(name, call)).equal('off');
      });

      it('ML-61 hostile names, subjects and headers stay on their line', async () => {
        const { transport } = open(name);
        provider.answer(fixture.accepted);
        const from = { name: HOSTILE, address: 'no-reply@shop.example' };
        await transport.send(mailOf({ from, subject: HOSTILE, headers: { 'X-Test': HOSTILE } }));
        const parts = await partsOf(name, provider.calls[0]);
        for (const value of [parts.name, parts.subject, ...Object.values(parts.headers)]) {
          expect(value).not.match(/[\r\n]/);
        }
        expect(parts.headers).not.have.property('bcc');
        expect(parts).include({ to: 'a@example.org', from: 'no-reply@shop.example' });
      });

      it('ML-60 calls nobody for anything but one plain address', async () => {
        const { transport } = open(name);
        for (const to of ['a@x.com,b@y.com', 'Name <a@x.com>', 'a@x.com\r\nBcc: z@z.com', '']) {
          expect(await transport.send(mailOf({ to }))).include({ outcome: 'refused', scope: 'recipient' });
        }
        expect(provider.calls).length(0);
      });

      for (const { reply, is, retryAfterMs, source } of fixture.errors) {
        it(`RL-04 reads ${reply.status} ${said(reply)} as ${is} (${source})`, async () => {
          const { transport, clock } = open(name);
          provider.answer(at(reply, clock.now()));
          const delivery = await transport.send(mailOf());
          if (delivery.outcome === 'accepted') throw new Error('accepted');
          expect(`${delivery.outcome} ${delivery.scope} ${delivery.reason}`).equal(is);
          // Within the second that the header is rounded to.
          const wait = delivery.outcome === 'deferred' ? delivery.retryAfterMs : undefined;
          if (retryAfterMs === undefined) expect(wait).equal(undefined);
          else expect(wait).within(retryAfterMs - 1000, retryAfterMs);
        });
      }

      it('RL-04 a 2xx that is not its own answer is no acceptance', async () => {
        const { transport } = open(name);
        for (const reply of [
          { status: 200, text: '<html>Please sign in to the network</html>' },
          { status: 200, json: {} },
          { status: 204 },
        ]) {
          provider.answer(reply);
          expect(await transport.send(mailOf())).include({ outcome: 'deferred', scope: 'transport' });
        }
      });

      it('RL-04 a redirect is not followed: the credentials stay', async () => {
        const { transport } = open(name);
        const elsewhere = await startFakeProvider();
        elsewhere.answer(fixture.accepted);
        provider.answer({ status: 307, headers: { Location: elsewhere.url } });
        expect(await transport.send(mailOf())).include({ outcome: 'refused', scope: 'transport' });
        expect(elsewhere.calls).length(0);
        await elsewhere.close();
      });
    });
  }

  const SAID: Readonly<Record<keyof typeof TROUBLE, string>> = {
    hang: 'no answer in time',
    cut: 'answer cut off',
    'cut in the body': 'answer cut off',
    'slow drip': 'no answer in time',
    'huge body': 'answer too large',
  };
  for (const [trouble, reason] of Object.entries(SAID) as [keyof typeof TROUBLE, string][]) {
    it(`RL-04 a provider in trouble (${trouble}) is deferred (${reason}), and the next mail goes through`, async () => {
      const { transport } = open('resend', { connect: 300, headers: 200, total: 400, bytes: 100_000 });
      provider.answer(TROUBLE[trouble], PROVIDERS.resend?.accepted ?? { status: 500 });
      const delivery = { outcome: 'deferred', reason, scope: 'transport' };
      expect(await transport.send(mailOf())).deep.equal(delivery);
      expect(await transport.send(mailOf())).include({ outcome: 'accepted' });
    });
  }

  it('RL-04 nobody there, and a signal that ends the attempt, are deferred', async () => {
    const { transport } = open('resend');
    provider.answer(TROUBLE.hang);
    const stop = new AbortController();
    const sending = transport.send(mailOf(), stop.signal);
    while (provider.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort();
    expect(await sending).deep.equal({ outcome: 'deferred', reason: 'aborted', scope: 'transport' });
    await provider.close();
    expect(await transport.send(mailOf())).include({ outcome: 'deferred', scope: 'transport' });
    provider = await startFakeProvider();
  });

  it('RL-04 Retry-After is read as seconds and as a date, and has an end', async () => {
    const { transport, clock } = open('resend');
    const told = async (header: string) => {
      provider.answer({ status: 503, headers: { 'Retry-After': header } });
      const delivery = await transport.send(mailOf());
      return delivery.outcome === 'deferred' ? delivery.retryAfterMs : undefined;
    };
    expect(await told('120')).equal(120_000);
    expect(await told(new Date(clock.now() + 90_000).toUTCString())).within(89_000, 90_000);
    expect(await told('999999999')).equal(3_600_000);
    expect(await told('soon')).equal(undefined);
  });

  for (const [name, cert, outcome] of [
    ['right', GOOD, 'accepted'],
    ['expired', EXPIRED, 'deferred'],
    ['of another host', OTHER_HOST, 'deferred'],
  ] as const) {
    it(`RL-04 a provider whose certificate is ${name}: ${outcome}`, async () => {
      const secure = await startFakeProvider({ key: KEY, cert });
      secure.answer(PROVIDERS.resend?.accepted ?? { status: 500 });
      const one = openTransport({ ...PROVIDERS.resend?.settings, base_url: secure.url }, { ca: CA });
      opened.push(one);
      expect((await one.transport.send(mailOf())).outcome).equal(outcome);
      expect(secure.calls).length(outcome === 'accepted' ? 1 : 0);
      await secure.close();
    });
  }

  it('RL-04 nothing is sent in clear text to another machine', async () => {
    const one = openTransport({ ...PROVIDERS.resend?.settings, base_url: 'http://api.example' });
    opened.push(one);
    expect(await one.transport.send(mailOf())).include({ outcome: 'deferred', reason: 'not https' });
  });

  it('keeps its connection from mail to mail', async () => {
    const { transport } = open('resend');
    provider.answer(PROVIDERS.resend?.accepted ?? { status: 500 });
    for (let count = 0; count < 5; count += 1) await transport.send(mailOf());
    expect([provider.calls.length, provider.connections]).deep.equal([5, 1]);
  });

  it('SES requests carry a signature over what was sent', async () => {
    const { transport } = open('ses');
    provider.answer(PROVIDERS.ses?.accepted ?? { status: 500 });
    await transport.send(mailOf());
    const [call] = provider.calls;
    expect(call && awsSignature(call)).equal(/Signature=(\w+)/.exec(call?.headers.authorization ?? '')?.[1]);
    expect(call?.json.ConfigurationSetName).equal('sign-in');
  });
});

/** Signature Version 4 by hand: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function awsSignature({ method, path, headers, text }: ProviderCall): string {
  const hash = (data: string) => createHash('sha256').update(data).digest('hex');
  const mac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
  const listed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, path, '', listed.join(''), names, hash(text)].join('\n');
  const date = String(headers['x-amz-date']);
  const scope = `${date.slice(0, 8)}/eu-central-1/ses/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n');
  const secret = String(PROVIDERS.ses?.settings.secret_access_key);
  const key = scope.split('/').reduce<string | Buffer>((last, part) => mac(last, part), `AWS4${secret}`);
  return mac(key, toSign).toString('hex');
}

function said({ json, text, headers }: Reply): string {
  return JSON.stringify(json ?? text ?? headers).slice(0, 60);
}

/** Puts the moment that a fixture names relative to the clock into it. */
const at = (reply: Reply, now: number): Reply => ({
  ...reply,
  headers: Object.fromEntries(
    Object.entries(reply.headers ?? {}).map(([name, value]) => [
      name,
      value.replace(/^now\+(\d+)$/, (_all, seconds) => String(Math.floor(now / 1000) + Number(seconds))),
    ]),
  ),
});
