import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { SMTPServer } from 'smtp-server';
import { createAccessToken } from '../../../src/mail/transports/access-token.ts';
import { createProviderFetch } from '../../../src/outbound/provider-fetch.ts';
import { CA, EXPIRED, GOOD, KEY, OTHER_HOST } from '../../support/certificates.ts';
import { type FakeProvider, startFakeProvider, TROUBLE } from '../../support/fake-provider.ts';
import { mailOf, type Opened, openTransport } from './open-transport.ts';

interface Heard {
  readonly port: number;
  /** Every line that arrived in clear text, and the recipients of whole messages. */
  readonly clear: string[];
  readonly delivered: string[];
  close(): Promise<void>;
}

describe('mail by SMTP over TLS', () => {
  const opened: { close(): Promise<void> }[] = [];
  const open = (settings: Record<string, unknown>): Opened => {
    const one = openTransport({ type: 'smtp', host: 'localhost', ...settings }, { ca: CA });
    opened.push(one);
    return one;
  };
  const serve = async (starting: Promise<Heard>): Promise<Heard> => {
    const heard = await starting;
    opened.push(heard);
    return heard;
  };
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  const LOGIN = { user: 'shop', password: 'hunter2-hunter2' };

  it('delivers with STARTTLS and with implicit TLS where the certificate is right', async () => {
    for (const tls of ['starttls', 'implicit'] as const) {
      const server = await serve(secureServer({ cert: GOOD, isImplicit: tls === 'implicit' }));
      const { transport } = open({ port: server.port, tls, ...LOGIN });
      expect(await transport.send(mailOf()), tls).include({ outcome: 'accepted' });
      expect(server.delivered).deep.equal(['a@example.org']);
    }
  });

  for (const [name, cert] of [
    ['expired', EXPIRED],
    ['of another host', OTHER_HOST],
  ] as const) {
    it(`RL-04 a certificate that is ${name} is a fault of the way, and nothing is said over it`, async () => {
      for (const tls of ['starttls', 'implicit'] as const) {
        const server = await serve(secureServer({ cert, isImplicit: tls === 'implicit' }));
        const { transport } = open({ port: server.port, tls, ...LOGIN });
        expect(await transport.send(mailOf()), tls).include({ outcome: 'deferred', scope: 'transport' });
        expect(server.delivered, tls).deep.equal([]);
      }
    });
  }

  it('RL-04 STARTTLS stripped, refused or followed by rubbish: no credential and no mail in clear text', async () => {
    for (const trick of ['stripped', 'refused', 'rubbish', 'injected'] as const) {
      const server = await serve(hostileServer(trick));
      const { transport } = open({ port: server.port, ...LOGIN });
      expect(await transport.send(mailOf()), trick).include({ outcome: 'deferred', scope: 'transport' });
      expect(server.delivered, trick).deep.equal([]);
      expect(server.clear.join(), trick).not.match(/AUTH|MAIL|RCPT|DATA/);
      expect(server.clear.join(), trick).match(/EHLO/);
    }
  });

  describe('with access tokens (XOAUTH2)', () => {
    let tokens: FakeProvider;
    const oauth2 = () => ({
      client_id: 'client',
      client_secret: 'client-secret',
      refresh_token: 'refresh-1',
      token_url: `${tokens.url}/token`,
    });
    beforeEach(async () => {
      tokens = await startFakeProvider();
      opened.push(tokens);
    });

    it('gets one, keeps it, and gets another within the same delivery when the server refuses it', async () => {
      const server = await serve(secureServer({ cert: GOOD, isToken: (token) => token === 'access-2' }));
      const { transport } = open({ port: server.port, user: 'shop@x.example', oauth2: oauth2() });
      tokens.answer(
        { status: 200, json: { access_token: 'access-1', expires_in: 3600 } },
        { status: 200, json: { access_token: 'access-2', expires_in: 3600 } },
      );
      expect(await transport.send(mailOf())).include({ outcome: 'accepted' });
      const [call] = tokens.calls;
      expect(Object.fromEntries(new URLSearchParams(call?.text))).deep.equal({
        grant_type: 'refresh_token',
        refresh_token: 'refresh-1',
        client_id: 'client',
        client_secret: 'client-secret',
      });
      expect(await transport.send(mailOf())).include({ outcome: 'accepted' });
      expect([server.delivered.length, tokens.calls.length]).deep.equal([2, 2]);
    });

    it('gets another for the next delivery where the server only says 535; two refusals are about the grant', async () => {
      let valid = 'access-2';
      const server = await serve(
        secureServer({ cert: GOOD, isToken: (token) => token === valid, isPatient: false }),
      );
      const { transport } = open({ port: server.port, user: 'shop@x.example', oauth2: oauth2() });
      tokens.answer(
        { status: 200, json: { access_token: 'access-1', expires_in: 3600 } },
        { status: 200, json: { access_token: 'access-2', expires_in: 3600 } },
      );
      expect(await transport.send(mailOf())).include({ outcome: 'deferred', scope: 'transport' });
      expect(await transport.send(mailOf())).include({ outcome: 'accepted' });
      await transport.close();
      valid = 'none';
      const refused = open({ port: server.port, user: 'shop@x.example', oauth2: oauth2() }).transport;
      expect(await refused.send(mailOf())).include({ outcome: 'deferred' });
      expect(await refused.send(mailOf())).include({ outcome: 'refused', scope: 'transport' });
    });

    it('asks for a token anew when its life ends, once for all that want it', async () => {
      const { clock } = open({ port: 1, user: 'shop@x.example', oauth2: oauth2() });
      const fetch = createProviderFetch();
      const token = createAccessToken(oauth2(), { fetch, clock });
      tokens.answer({ status: 200, json: { access_token: 'a', expires_in: 3600 } });
      expect(await Promise.all([token(false), token(false), token(false)])).deep.equal(['a', 'a', 'a']);
      expect(tokens.calls).length(1);
      tokens.answer({ status: 200, json: { access_token: 'b', expires_in: 3600 } });
      clock.move(3_500_000);
      expect(await token(false)).equal('a');
      clock.move(50_000);
      expect(await token(false)).equal('b');
      fetch.close();
    });

    it('RL-04 without a token there is no mail, and the refresh token goes nowhere else', async () => {
      const server = await serve(secureServer({ cert: GOOD, isToken: () => true }));
      const { transport } = open({ port: server.port, user: 'shop@x.example', oauth2: oauth2() });
      const elsewhere = await startFakeProvider();
      opened.push(elsewhere);
      for (const trouble of [
        { status: 400, json: { error: 'invalid_grant' } },
        { status: 307, headers: { Location: elsewhere.url } },
        { status: 200, text: 'rubbish' },
        TROUBLE.cut,
      ]) {
        tokens.answer(trouble);
        expect(await transport.send(mailOf())).include({ scope: 'transport' });
      }
      expect([server.delivered, elsewhere.calls]).deep.equal([[], []]);
    });
  });
});

interface SecureOptions {
  readonly cert: string;
  readonly isImplicit?: boolean;
  /** XOAUTH2 instead of a password. */
  readonly isToken?: (token: string) => boolean;
  /** Lets a client try another token; else it is 535 at once, as at Microsoft. */
  readonly isPatient?: boolean;
}

async function secureServer({
  cert,
  isImplicit = false,
  isToken,
  isPatient = true,
}: SecureOptions): Promise<Heard> {
  const delivered: string[] = [];
  const server = new SMTPServer({
    secure: isImplicit,
    key: KEY,
    cert,
    authMethods: isToken ? ['XOAUTH2'] : ['PLAIN', 'LOGIN'],
    closeTimeout: 1,
    onAuth: (given, _session, done) => {
      const isRight = isToken ? isToken(given.accessToken ?? '') : given.password === 'hunter2-hunter2';
      if (isRight) done(null, { user: 'shop' });
      // As Google says it: the client may try again within the same session.
      else if (isToken && isPatient) done(null, { data: { status: '401', schemes: 'bearer' } });
      else done(Object.assign(new Error('no'), { responseCode: 535 }));
    },
    onData: async (stream, session, done) => {
      for await (const _chunk of stream);
      delivered.push(...session.envelope.rcptTo.map(({ address }) => address));
      done();
    },
  });
  server.on('error', () => undefined);
  const port = await listening(server.server);
  return { port, clear: [], delivered, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Offers what no honest server would, and keeps what it hears in clear text. */
async function hostileServer(trick: 'stripped' | 'refused' | 'rubbish' | 'injected'): Promise<Heard> {
  const clear: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write('220 localhost ESMTP\r\n');
    let isTls = false;
    socket.on('data', (chunk) => {
      if (isTls) return;
      for (const line of chunk.toString('latin1').split('\r\n').filter(Boolean)) {
        clear.push(line);
        if (line.startsWith('EHLO')) {
          const offer = trick === 'stripped' ? '' : '250-STARTTLS\r\n';
          socket.write(`250-localhost\r\n${offer}250 AUTH PLAIN LOGIN\r\n`);
        } else if (line === 'STARTTLS' && trick === 'refused')
          socket.write('454 4.7.0 TLS not available\r\n');
        else if (line === 'STARTTLS' && trick === 'injected') {
          isTls = true;
          // Answers ahead of the handshake would be taken for those of the protected session (CVE-2011-0411).
          socket.write('220 go ahead\r\n250-localhost\r\n250 AUTH PLAIN\r\n235 welcome\r\n');
          new TLSSocket(socket, {
            isServer: true,
            secureContext: createSecureContext({ key: KEY, cert: OTHER_HOST }),
          }).on('error', () => undefined);
        } else if (line === 'STARTTLS' && trick === 'rubbish') {
          isTls = true;
          socket.write('220 go ahead\r\nthis is no handshake at all, but goes on for a while\r\n');
        } else socket.write('250 2.0.0 fine\r\n');
      }
    });
  });
  const port = await listening(server);
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port, clear, delivered: [], close };
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
