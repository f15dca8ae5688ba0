import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { asAppId } from '../../../src/core/ids.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { OutgoingMail, Transport } from '../../../src/mail/transport.ts';
import { createSmtpTransport } from '../../../src/mail/transports/smtp.ts';
import { parseSmtpUrl } from '../../../src/mail/transports/smtp-url.ts';
import { composeSignInMail } from '../../support/sign-in-mail.ts';
import { code, links, type SinkOptions, type SmtpSink, startSmtpSink } from '../../support/smtp-sink.ts';

const LINK = `https://auth.shop.example/link/${'C'.repeat(22)}#${'S-_'.repeat(14)}s`;
const LONGEST = `https://${'a'.repeat(112)}.example/link/${'C'.repeat(22)}#${'S'.repeat(43)}`;

const mailOf = (change: Partial<OutgoingMail> = {}, name = 'Shop', link = LINK): OutgoingMail => ({
  ...composeSignInMail({
    app: {
      id: asAppId('shop'),
      name,
      accent: '#4f46e5',
      from: { name, address: 'no-reply@shop.example' },
    },
    to: 'a@example.org',
    locales: ['en'],
    link,
    code: '12345678',
    messageId: '<id@shop.example>',
    device: 'Firefox on Linux',
    askedAt: Date.UTC(2026, 10, 23, 19, 4),
    expiresAt: Date.UTC(2026, 10, 23, 19, 14),
    date: new Date(Date.UTC(2026, 10, 23, 19, 4, 5)),
  }),
  ...change,
});

describe('SMTP transport', () => {
  const opened: { close(): Promise<void> }[] = [];
  const open = async (options: SinkOptions = {}, user = '', query = '') => {
    const sink: SmtpSink = await startSmtpSink(options);
    const url = `smtp://${user}127.0.0.1:${sink.port}${query}`;
    const timeouts = { connection: 500, socket: 300, delivery: 2000 };
    const transport: Transport = createSmtpTransport({ url, log: silentLog, timeouts });
    opened.push(transport, sink);
    return { sink, transport };
  };
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  it('delivers link, code, headers and both parts intact', async () => {
    const { sink, transport } = await open();
    expect(await transport.send(mailOf())).deep.equal({ outcome: 'accepted' });
    const mail = await sink.mailTo('a@example.org');
    expect(mail).include({ from: 'no-reply@shop.example', isAccepted: true });
    expect(links(mail)).deep.equal([LINK]);
    expect(code(mail)).equal('12345678');
    expect(mail.parsed.messageId).equal('<id@shop.example>');
    expect(mail.parsed.date?.toISOString()).equal('2026-11-23T19:04:05.000Z');
    expect(mail.parsed.html).include(`href="${LINK}"`);
    expect(mail.parsed.headers.get('auto-submitted')).equal('auto-generated');
    expect(mail.parsed.headers.get('x-pm-tracklinks')).equal('None');
    expect(mail.parsed.headers.has('x-mailer')).equal(false);
    expect(mail.raw).match(/Content-Transfer-Encoding: quoted-printable/i);
  });

  it('ML-07 the longest link survives quoted-printable alone on its line, foreign scripts around it', async () => {
    const { sink, transport } = await open();
    const mail = mailOf({}, '日本のお店', LONGEST);
    expect(LONGEST).length(200);
    await transport.send(mail);
    const received = await sink.mailTo('a@example.org');
    expect((received.parsed.text ?? '').split('\n').filter((line) => line === LONGEST)).length(1);
    expect(received.parsed.from?.value[0]?.name).equal('日本のお店');
    expect(received.parsed.subject).equal('Sign in to 日本のお店');
  });

  it('ML-60 ML-62 writes to nobody when `to` is anything but one plain address', async () => {
    const { sink, transport } = await open();
    const hostile = [
      'a@x.com,b@y.com',
      'a@x.com;b@y.com',
      'a@x.com b@y.com',
      'grp: a@x.com, b@y.com;',
      'Name <a@x.com>',
      '<a@x.com>b@y.com',
      '"e@attacker.com"@victim.com',
      '(c)a@x.com',
      'a@[127.0.0.1]',
      'a@x.com\r\nRCPT TO:<z@z.com>',
      'a@x.com> SIZE=1\r\nDATA',
      'victim＠x.com',
      'a@X.com',
      ' a@x.com',
      '',
    ];
    for (const to of hostile) expect((await transport.send(mailOf({ to }))).outcome, to).equal('refused');
    expect(sink.recipients).deep.equal([]);
    await transport.send(mailOf({ to: 'o’b@x.com'.replace('’', "'") }));
    expect(sink.recipients).deep.equal(["o'b@x.com"]);
  });

  it('ML-61 takes a sender at localhost, as in development, and none that is more than an address', async () => {
    const { sink, transport } = await open();
    const sent = (address: string) => transport.send(mailOf({ from: { name: 'Shop', address } }));
    expect(await sent('no-reply@localhost')).deep.equal({ outcome: 'accepted' });
    for (const address of [
      'a@x.com,b@y.com',
      'Shop <a@x.com>',
      'a@x.com\r\nRCPT TO:<z@z.com>',
      '"a b"@x.com',
      '',
    ]) {
      expect((await sent(address)).outcome, address).equal('refused');
    }
    expect(sink.mails.map((mail) => mail.from)).deep.equal(['no-reply@localhost']);
  });

  it('ML-61 hostile names and subjects add no header and no recipient', async () => {
    const { sink, transport } = await open();
    const hostile = 'Shop\r\nBcc: z@z.com\r\n\r\n<z@z.com>, y@y.com "';
    // The transport gets them raw here: it does not rely on the templates to have cleaned them.
    const from = { name: hostile, address: 'no-reply@shop.example' };
    await transport.send(mailOf({ from, subject: hostile, headers: { 'X-Test': hostile } }));
    const mail = await sink.mailTo('a@example.org');
    expect(sink.recipients).deep.equal(['a@example.org']);
    expect(mail.parsed.bcc).equal(undefined);
    expect(mail.parsed.headers.has('bcc')).equal(false);
    expect(mail.parsed.from?.value).length(1);
    expect(mail.parsed.from?.value[0]?.address).equal('no-reply@shop.example');
    expect(links(mail)).deep.equal([LINK]);
  });

  const answers = [
    {
      script: { at: 'RCPT', reply: 550, text: '5.1.1 <a@example.org> unknown' },
      is: 'refused recipient 550 5.1.1 RCPT TO',
    },
    { script: { at: 'MAIL', reply: 553, text: '5.7.1 no' }, is: 'refused transport 553 5.7.1 MAIL FROM' },
    { script: { at: 'RCPT', reply: 554, text: '5.7.1 relay' }, is: 'refused transport 554 5.7.1 RCPT TO' },
    { script: { at: 'RCPT', reply: 450, text: 'greylisted' }, is: 'deferred recipient 450 RCPT TO' },
    { script: { at: 'DATA', reply: 554, text: '5.7.1 policy' }, is: 'refused message 554 5.7.1 DATA' },
    { script: { at: 'DATA', reply: 552, text: '5.3.4 size' }, is: 'refused message 552 5.3.4 DATA' },
    { script: { at: 'DATA', reply: 451, text: '4.3.0 later' }, is: 'deferred transport 451 4.3.0 DATA' },
    { script: { at: 'DATA', reply: 554, text: '5.6.0 spam' }, is: 'refused message 554 5.6.0 DATA' },
    {
      script: { at: 'RCPT', reply: 451, text: '4.7.1 greylisted' },
      is: 'deferred recipient 451 4.7.1 RCPT TO',
    },
    { script: { at: 'RCPT', reply: 421, text: '4.3.2 later' }, is: 'deferred transport 421 4.3.2 CONN' },
    { script: { at: 'DATA', reply: 452, text: '4.2.2 full' }, is: 'deferred recipient 452 4.2.2 DATA' },
    { script: 'hang', is: 'deferred transport ETIMEDOUT' },
    { script: 'drop-after-data', is: 'deferred transport ECONNECTION' },
  ] as const;
  for (const { script, is } of answers) {
    it(`RL-04 ${JSON.stringify(script)} is ${is}, and the next mail goes through`, async () => {
      const { sink, transport } = await open();
      sink.script(script);
      const delivery = await transport.send(mailOf());
      const said = delivery.outcome === 'accepted' ? [] : [delivery.scope, delivery.reason];
      expect([delivery.outcome, ...said].join(' ')).equal(is);
      expect(sink.mails.filter((mail) => mail.isAccepted)).length(0);
      expect(await transport.send(mailOf())).deep.equal({ outcome: 'accepted' });
    });
  }

  it('RL-04 a message cut off after DATA is not sent a second time by the library itself', async () => {
    const { sink, transport } = await open();
    await transport.send(mailOf());
    sink.script('drop-after-data');
    expect((await transport.send(mailOf())).outcome).equal('deferred');
    expect(sink.mails).length(2);
  });

  it('RL-04 a server that cannot be reached, or that trickles for ever, is deferred', async () => {
    const { transport, sink } = await open();
    await sink.close();
    expect((await transport.send(mailOf())).outcome).equal('deferred');
    const trickling = await trickle();
    const url = `smtp://127.0.0.1:${trickling.port}`;
    const timeouts = { connection: 5000, socket: 5000, delivery: 200 };
    const slow = createSmtpTransport({ url, log: silentLog, timeouts });
    expect((await slow.send(mailOf())).outcome).equal('deferred');
    await slow.close();
    trickling.close();
  });

  it('RL-04 where TLS is required and STARTTLS is stripped, nothing but the greeting is said', async () => {
    const { sink, transport } = await open({ auth: { user: 'u', pass: 'p' } }, 'u:p@', '?requireTLS=true');
    expect((await transport.send(mailOf())).outcome).equal('deferred');
    // The library tries STARTTLS on the chance that only the offer was cut out of the answer.
    expect(sink.commands.filter((line) => !/^(EHLO|HELO|STARTTLS|QUIT|RSET)/.test(line))).deep.equal([]);
    expect(sink.recipients).deep.equal([]);
  });

  it('RL-04 where TLS is required, a certificate that cannot be checked is no TLS', async () => {
    const { sink, transport } = await open({ starttls: true }, '', '?requireTLS=true');
    expect((await transport.send(mailOf())).outcome).equal('deferred');
    expect(sink.commands.some((line) => line.startsWith('STARTTLS'))).equal(true);
    expect(sink.recipients).deep.equal([]);
  });

  it('signs in where credentials are given; wrong ones are our fault and no refusal of the recipient', async () => {
    const auth = { user: 'shop@mail', pass: 'p:/@s' };
    const right = await open({ auth }, 'shop%40mail:p%3A%2F%40s@');
    expect(await right.transport.send(mailOf())).deep.equal({ outcome: 'accepted' });
    const wrong = await open({ auth }, 'shop%40mail:wrong@');
    expect(await wrong.transport.send(mailOf())).deep.equal({
      outcome: 'refused',
      reason: '535 AUTH PLAIN',
      scope: 'transport',
    });
    expect(wrong.sink.recipients).deep.equal([]);
  });

  it('sends many at once over few connections', async () => {
    const { sink, transport } = await open();
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, at) => transport.send(mailOf({ to: `u${at}@example.org` }))),
    );
    expect(all.every(({ outcome }) => outcome === 'accepted')).equal(true);
    expect(new Set(sink.mails.map((mail) => mail.to.join()))).length(60);
    expect(sink.commands.filter((line) => line.startsWith('EHLO')).length).within(1, 8);
  });
});

describe('SMTP URL', () => {
  it('reads host, port, credentials and how TLS begins', () => {
    expect(parseSmtpUrl('smtps://u%40x:p%20w@mail.example')).deep.equal({
      host: 'mail.example',
      port: 465,
      isImplicitTls: true,
      requiresTls: false,
      isLoopback: false,
      auth: { user: 'u@x', pass: 'p w' },
    });
    expect(parseSmtpUrl('smtp://[::1]:2525')).include({ host: '::1', port: 2525, isLoopback: true });
    expect(parseSmtpUrl('smtp://mailpit:1025')).include({ port: 1025, requiresTls: false });
  });

  it('RL-04 mails never leave this network without TLS, whoever strips the offer', () => {
    for (const host of ['relay.example', 'relay.internal', '10.0.0.7', '[fd00::1]']) {
      expect(parseSmtpUrl(`smtp://${host}`), host).include({ port: 25, requiresTls: true });
    }
  });

  it('RL-04 credentials never leave this machine without TLS', () => {
    expect(parseSmtpUrl('smtp://u:p@mail.example')).include({ port: 587, requiresTls: true });
    expect(parseSmtpUrl('smtp://mail.example?requireTLS=true')).include({ requiresTls: true });
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      expect(parseSmtpUrl(`smtp://u:p@${host}`), host).include({ requiresTls: false });
      expect(parseSmtpUrl(`smtp://u:p@${host}?requireTLS=true`), host).include({ requiresTls: true });
    }
    for (const host of ['127.evil.example', 'localhost.evil.example']) {
      expect(parseSmtpUrl(`smtp://u:p@${host}`), host).include({ requiresTls: true });
    }
  });

  it('refuses what it does not know, without repeating the password', () => {
    const wrong = [
      'http://mail.example',
      'mail.example:587',
      'smtp://u:hunter2@mail.example?requireTLS=false',
      'smtp://u:hunter2@mail.example?tls.rejectUnauthorized=false',
      'smtp://u:hunter2@mail.example/path',
      'smtp://u:hunter2%zz@mail.example',
    ];
    for (const url of wrong) {
      expect(() => parseSmtpUrl(url), url)
        .throw(TypeError)
        .with.property('message')
        .not.match(/hunter2/);
    }
  });
});

/** Answers one byte every few milliseconds, so that no socket time-out ever fires. */
function trickle(): Promise<{ port: number; close(): void }> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    const timer = setInterval(() => socket.write('2'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      resolve({ port, close: () => server.close() });
    });
  });
}
