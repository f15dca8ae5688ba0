import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import type { DkimKey } from '../../../src/mail/transports/mime.ts';
import { type FakeProvider, startFakeProvider } from '../../support/fake-provider.ts';
import { type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';
import { mailOf, type Opened, openTransport } from './open-transport.ts';
import { PROVIDERS } from './providers.fixture.ts';
import { mimeIn } from './request-parts.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEY: DkimKey = {
  domain: 'shop.example',
  selector: 'postern1',
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
const RECORD = `v=DKIM1; k=rsa; p=${createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64')}`;

/** As a receiver does, by another library than the one that signed. */
async function verdictOf(mime: string | Buffer): Promise<string> {
  const resolver = async (name: string, type: string) => {
    if (name === 'postern1._domainkey.shop.example' && type === 'TXT') return [[RECORD]];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const { results } = await dkimVerify(mime, { resolver });
  return results.map(({ status, signingDomain }) => `${status.result} ${signingDomain}`).join();
}

describe('DKIM signatures made here', () => {
  let sink: SmtpSink;
  let provider: FakeProvider;
  const opened: Opened[] = [];
  beforeEach(async () => {
    sink = await startSmtpSink();
    provider = await startFakeProvider();
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await sink.close();
    await provider.close();
  });
  const open = (settings: Record<string, unknown>, dkim: DkimKey | undefined = KEY) => {
    const one = openTransport(settings, dkim ? { dkim } : {});
    opened.push(one);
    return one.transport;
  };

  it('hold for a receiver, through SMTP, with foreign scripts too', async () => {
    const transport = open({ type: 'smtp', host: '127.0.0.1', port: sink.port, tls: 'none' });
    await transport.send(mailOf());
    await transport.send(
      mailOf({ from: { name: '日本のお店', address: 'no-reply@shop.example' }, text: '.\r\n..\r\n日本' }),
    );
    for (const { raw } of sink.mails) {
      expect(await verdictOf(raw)).equal('pass shop.example');
      expect(await verdictOf(raw.replace('Subject: ', 'Subject: not '))).not.match(/pass/);
      expect(/\bh=([^;]+)/.exec(raw.replace(/\r\n\s+/g, ' '))?.[1]).match(
        /from.*subject.*date.*message-id/is,
      );
    }
  });

  it('are not made without a key', async () => {
    const transport = openTransport({ type: 'smtp', host: '127.0.0.1', port: sink.port, tls: 'none' });
    opened.push(transport);
    await transport.transport.send(mailOf());
    expect(sink.mails[0]?.raw).not.match(/DKIM-Signature/i);
  });

  it('travel with the whole mail to Mailgun', async () => {
    provider.answer(PROVIDERS.mailgun?.accepted ?? { status: 500 });
    await open({ ...PROVIDERS.mailgun?.settings, base_url: provider.url }).send(mailOf());
    const [call] = provider.calls;
    expect(await verdictOf((call && mimeIn('mailgun', call)) ?? '')).equal('pass shop.example');
  });

  it('outlive what SES writes anew', async () => {
    provider.answer(PROVIDERS.ses?.accepted ?? { status: 500 });
    await open({ ...PROVIDERS.ses?.settings, base_url: provider.url }).send(mailOf());
    const [call] = provider.calls;
    const mime = String(call && mimeIn('ses', call))
      .replace(/^Message-ID: .*$/m, 'Message-ID: <0107@eu-central-1.amazonses.com>')
      .replace(/^Date: .*$/m, 'Date: Mon, 23 Nov 2026 20:00:00 +0000');
    expect(await verdictOf(mime)).equal('pass shop.example');
  });
});
