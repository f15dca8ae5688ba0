/** Clients that prove who they are by a key (RFC 7523, RFC 10070). */
import { createHmac, createPublicKey } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { exportSPKI } from 'jose';
import {
  assertion,
  assertionParams,
  byAssertion,
  type ClientKey,
  newKey,
  resigned,
} from '../../support/client-keys.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { APPS, CALLBACK, type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens, refreshWith } from '../../support/logins.ts';
import type { TokenAnswer } from '../../support/relying-party.ts';
import { STAND } from '../../support/stand.ts';
import { startTwin, type Twin } from '../../support/twin.ts';
import { basic, get, jsonOf, postForm } from '../../support/wire-forms.ts';

const SECOND = 1000;
const RACE = 20;

/** Counts who comes, and serves the key set at /jwks. */
class KeyServer {
  connections = 0;
  keys: object = { keys: [] };
  readonly #server: Server = createServer((req, res) => {
    if (req.url === '/away') return res.writeHead(302, { location: '/jwks' }).end();
    if (req.url === '/huge') return res.end(JSON.stringify({ ...this.keys, filler: 'x'.repeat(70_000) }));
    return res.setHeader('content-type', 'application/json').end(JSON.stringify(this.keys));
  }).on('connection', () => {
    this.connections += 1;
  });

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // a TCP server has no string address
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('clients with a key', () => {
  let harness: Harness;
  let twin: Twin;
  let key: ClientKey;
  let otherKey: ClientKey;
  let sink: KeyServer;
  let sinkUrl: string;
  before(async () => {
    key = await newKey();
    otherKey = await newKey();
    sink = new KeyServer();
    sinkUrl = await sink.open();
    const keyed = {
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    };
    const clients = {
      ...APPS.shop.clients,
      keyed: { ...keyed, jwks: { keys: [key.jwk] } },
      other: { ...keyed, jwks: { keys: [otherKey.jwk] } },
      fetched: { ...keyed, jwks_uri: `${sinkUrl}/jwks` },
    };
    harness = await startPostern({
      apps: { shop: { ...APPS.shop, clients }, studio: { name: 'Studio', clients } },
    });
    twin = await startTwin(harness);
  });
  afterEach(restoreTime);
  after(async () => {
    await twin.close();
    await harness.close();
    await sink.close();
  });

  const issuer = (): string => `${harness.url}/shop`;
  const present = (client_assertion: string, more: object = {}, on: object = {}): Promise<TokenAnswer> =>
    harness
      .rp('shop', 'keyed', on)
      .tokenRequest({ grant_type: 'client_credentials', ...assertionParams(client_assertion), ...more });
  const signed = (claims: object = {}, header: object = {}): Promise<string> =>
    assertion(key, 'keyed', issuer(), claims, header);
  const refused = ({ status, json }: TokenAnswer, error = 'invalid_client'): void => {
    expect(json.error, JSON.stringify(json)).to.equal(error);
    expect(status).to.equal(error === 'invalid_client' ? 401 : 400);
  };

  it('OA-19 signs people in and refreshes, with the issuer as the audience', async () => {
    const sender = byAssertion(key, 'keyed', issuer());
    const { rp, tokens } = await loginWithTokens(harness, { client: 'keyed', rp: { sender } });
    expect((await refreshWith(rp, tokens.refresh_token)).status).to.equal(200);
  });

  for (const alg of ['PS256', 'RS256', 'EdDSA']) {
    it(`OA-19 takes a key for ${alg}`, async () => {
      const other = await newKey(alg);
      const own = await startPostern({
        apps: {
          shop: {
            name: 'Shop',
            clients: {
              keyed: {
                token_endpoint_auth_method: 'private_key_jwt',
                grant_types: ['client_credentials'],
                jwks: { keys: [other.jwk] },
              },
            },
          },
        },
      });
      try {
        const jwt = await assertion(other, 'keyed', `${own.url}/shop`);
        const answer = await own
          .rp('shop', 'keyed')
          .tokenRequest({ grant_type: 'client_credentials', ...assertionParams(jwt) });
        expect(answer.status, JSON.stringify(answer.json)).to.equal(200);
      } finally {
        await own.close();
      }
    });
  }

  it('OA-19 the audience is the issuer as a single string, and nothing else', async () => {
    for (const aud of [
      [issuer()],
      [issuer(), 'https://evil.example'],
      `${issuer()}/token`,
      `${issuer()}/request`,
      `${issuer()}/`,
      'https://evil.example',
      `${harness.url}/studio`,
      harness.url,
      '',
      undefined,
    ]) {
      refused(await present(await signed({ aud })));
    }
    expect((await present(await signed())).status).to.equal(200);
  });

  for (const [name, claims, header] of [
    ['no jti', { jti: undefined }, {}],
    ['an empty jti', { jti: '' }, {}],
    ['a jti without end', { jti: 'x'.repeat(300) }, {}],
    ['no exp', { exp: undefined }, {}],
    ['an exp far away', { exp: Math.floor(Date.now() / SECOND) + 3600 }, {}],
    ['an exp in the past', { exp: Math.floor(Date.now() / SECOND) - 60 }, {}],
    ['an exp that is text', { exp: '9999999999' }, {}],
    // An hour, because these are made when the file is read and a whole run takes minutes.
    ['an nbf to come', { nbf: Math.floor(Date.now() / SECOND) + 3600 }, {}],
    ['an iat to come', { iat: Math.floor(Date.now() / SECOND) + 3600 }, {}],
    ['another issuer than subject', { iss: 'other' }, {}],
    ['no issuer', { iss: undefined }, {}],
    ['the name of another client', { iss: 'other', sub: 'other' }, {}],
    ['the type of a DPoP proof', {}, { typ: 'dpop+jwt' }],
    ['the type of a logout token', {}, { typ: 'logout+jwt' }],
    ['the type of an access token', {}, { typ: 'at+jwt' }],
  ] as const) {
    it(`OA-19 ${name} is refused`, async () => {
      const answer = await present(await signed(claims, header));
      expect(answer.json.error, JSON.stringify(answer.json)).to.be.oneOf([
        'invalid_client',
        'invalid_request',
      ]);
      expect(answer.status).to.be.oneOf([400, 401]);
    });
  }

  it('OA-19 it is good for one use: at any endpoint, on any server', async () => {
    const jwt = await signed();
    expect((await present(jwt)).status).to.equal(200);
    refused(await present(jwt));
    refused(await present(jwt, {}, { route: twin.route }));
    const pushed = await harness.rp('shop', 'keyed').push({}, assertionParams(jwt));
    refused(pushed);
  });

  it('OA-19 as long as it lives it stays used', async () => {
    const jwt = await signed({ exp: Math.floor(Date.now() / SECOND) + 290 });
    expect((await present(jwt)).status).to.equal(200);
    passTime(harness, 280 * SECOND);
    refused(await present(jwt));
    passTime(harness, 60 * SECOND);
    refused(await present(jwt));
  });

  it(`OA-19 of ${RACE} at once on two servers one is taken`, async () => {
    const jwt = await signed();
    const answers = await Promise.all(
      Array.from({ length: RACE }, (_, index) =>
        present(jwt, {}, index % 2 === 0 ? {} : { route: twin.route }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
    for (const answer of answers) if (answer.status !== 200) refused(answer);
  });

  it('OA-19 two clients may use the same jti', async () => {
    expect((await present(await signed({ jti: 'same' }))).status).to.equal(200);
    const jwt = await assertion(otherKey, 'other', issuer(), { jti: 'same' });
    const theirs = await harness
      .rp('shop', 'other')
      .tokenRequest({ grant_type: 'client_credentials', ...assertionParams(jwt) });
    expect(theirs.status).to.equal(200);
    refused(await present(await signed({ jti: 'same' })));
  });

  it('MT-01 OA-19 one made for another app is refused here', async () => {
    refused(await present(await assertion(key, 'keyed', `${harness.url}/studio`)));
    const there = await harness
      .rp('studio', 'keyed')
      .tokenRequest({ grant_type: 'client_credentials', ...assertionParams(await signed()) });
    refused(there);
  });

  it('OA-18 a secret, another method or none is refused', async () => {
    const rp = harness.rp('shop', 'keyed');
    refused(await rp.tokenRequest({ grant_type: 'client_credentials' }));
    refused(await rp.tokenRequest({ grant_type: 'client_credentials', client_secret: 'x'.repeat(43) }));
    const jwt = await signed();
    refused(await present(jwt, { client_secret: 'x'.repeat(43) }), 'invalid_request');
    refused(await present(jwt, { client_assertion_type: 'urn:x' }), 'invalid_request');
    const under = harness.rp('shop', 'other');
    refused(
      await under.tokenRequest({ grant_type: 'client_credentials', ...assertionParams(jwt) }),
      'invalid_request',
    );
    // A client with a secret has no key to sign with.
    const foreign = await assertion(key, 'secretive', issuer());
    refused(
      await harness
        .rp('shop', 'secretive')
        .tokenRequest({ grant_type: 'client_credentials', ...assertionParams(foreign) }),
    );
    expect((await present(jwt)).status, 'nothing of it was used up').to.equal(200);
  });

  it('OA-18 two ways at once are refused', async () => {
    const { token_endpoint: url } = await harness.rp('shop', 'keyed').metadata();
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      ...assertionParams(await signed()),
    });
    const reply = await postForm(url, body.toString(), { authorization: basic('keyed', 'x') });
    expect([reply.status, jsonOf(reply).error]).to.deep.equal([400, 'invalid_request']);
  });

  describe('OA-30 what is no signature of the registered key', () => {
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const forged = async (header: object, sign: (input: string) => string): Promise<string> => {
      const [, payload = ''] = (await signed()).split('.');
      const input = `${encode(header)}.${payload}`;
      return `${input}.${sign(input)}`;
    };
    const hmac = (secret: string | Buffer) => (input: string) =>
      createHmac('sha256', secret).update(input).digest('base64url');

    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      it(`OA-30 alg ${JSON.stringify(alg)} is refused`, async () => {
        refused(await present(await forged({ alg, kid: key.kid }, () => '')));
      });
    }

    it('OA-30 HS256 keyed by a public key in any form is refused', async () => {
      const { privateKey: _, jwk } = key;
      const own = createPublicKey({ key: { ...jwk } as Record<string, string>, format: 'jwk' });
      const published = JSON.parse((await get(`${issuer()}/jwks`)).body).keys;
      const ours = createPublicKey({ key: published[0], format: 'jwk' });
      for (const secret of [
        await exportSPKI(own),
        own.export({ type: 'spki', format: 'der' }),
        JSON.stringify(jwk),
        await exportSPKI(ours),
        JSON.stringify(published[0]),
      ]) {
        refused(await present(await forged({ alg: 'HS256', kid: key.kid }, hmac(secret))));
      }
    });

    it('OA-30 a key that comes along, or that is pointed at, is not asked', async () => {
      const evil = await newKey();
      sink.connections = 0;
      const { kid: _, ...embedded } = evil.jwk;
      for (const header of [
        { jwk: embedded },
        { jwk: embedded, kid: key.kid },
        { jku: `${sinkUrl}/jwks` },
        { x5u: `${sinkUrl}/jwks` },
        { x5c: ['AAAA'] },
        { kid: '../../x' },
        { kid: '/dev/null' },
        { kid: "x' OR '1'='1" },
        { kid: undefined },
      ]) {
        refused(await present(await assertion(evil, 'keyed', issuer(), {}, header)));
      }
      expect(sink.connections).to.equal(0);
    });

    it('OA-30 a header that names a key is refused even beside a good signature', async () => {
      sink.connections = 0;
      for (const header of [{ jku: `${sinkUrl}/jwks` }, { x5u: `${sinkUrl}/jwks` }, { jwk: key.jwk }]) {
        refused(await present(await signed({}, header)));
      }
      expect(sink.connections).to.equal(0);
    });

    it('OA-30 a critical header that nobody knows is refused', async () => {
      const unknown = { crit: ['x'], x: 1 };
      refused(await present(await resigned(key, await signed(), unknown)));
      expect((await present(await resigned(key, await signed(), { x: 1 }))).status).to.equal(200);
    });

    for (const junk of [
      '',
      'x',
      'a.b.c',
      '..',
      `${'e30'}.${'e30'}.`,
      '{}',
      'eyJhbGciOiJFUzI1NiJ9.bnVsbA.AAAA',
    ]) {
      it(`OA-30 ${JSON.stringify(junk)} is refused`, async () => {
        const answer = await present(junk);
        expect(answer.status).to.be.oneOf([400, 401]);
        expect(answer.json.error).to.be.oneOf(['invalid_client', 'invalid_request']);
      });
    }
  });

  describe('OA-41 keys that a client publishes', () => {
    const fetched = (jwt: string, on: Harness = harness): Promise<TokenAnswer> =>
      on.rp('shop', 'fetched').tokenRequest({ grant_type: 'client_credentials', ...assertionParams(jwt) });

    it('OA-41 are not fetched from an address that is not public: nothing reaches it', async () => {
      sink.keys = { keys: [key.jwk] };
      sink.connections = 0;
      refused(await fetched(await assertion(key, 'fetched', issuer())));
      expect(sink.connections).to.equal(0);
    });

    describe('with the address allowed', () => {
      let open: Harness;
      before(async () => {
        const keyed = {
          token_endpoint_auth_method: 'private_key_jwt',
          grant_types: ['client_credentials'],
        };
        const clients = {
          fetched: { ...keyed, jwks_uri: `${sinkUrl}/jwks` },
          retiring: { ...keyed, jwks_uri: `${sinkUrl}/jwks` },
          lonely: { ...keyed, jwks_uri: `${sinkUrl}/jwks` },
          away: { ...keyed, jwks_uri: `${sinkUrl}/away` },
          huge: { ...keyed, jwks_uri: `${sinkUrl}/huge` },
          failing: { ...keyed, jwks_uri: `${sinkUrl}/huge` },
        };
        open = await startPostern({
          apps: { shop: { name: 'Shop', clients } },
          config: { outboundAllow: ['127.0.0.0/8'] },
        });
      });
      after(() => open.close());
      const from = (client: string, by = key): Promise<TokenAnswer> =>
        assertion(by, client, `${open.url}/shop`).then((jwt) =>
          open.rp('shop', client).tokenRequest({ grant_type: 'client_credentials', ...assertionParams(jwt) }),
        );

      it('OA-41 they are taken, asked for once a minute, and a new key is seen a minute later', async () => {
        sink.keys = { keys: [key.jwk] };
        sink.connections = 0;
        for (let turn = 0; turn < 6; turn += 1) expect((await from('fetched')).status).to.equal(200);
        expect(sink.connections).to.be.within(1, STAND.servers);
        const next = await newKey();
        sink.keys = { keys: [next.jwk] };
        passTime(open, 61 * SECOND);
        expect((await from('fetched', next)).status).to.equal(200);
      });

      it('OA-41 a key that was taken back is refused a minute later, though nothing else asked for the set', async () => {
        const [old, next] = [await newKey(), await newKey()];
        sink.keys = { keys: [old.jwk, next.jwk] };
        for (let turn = 0; turn < 4; turn += 1) expect((await from('retiring', old)).status).to.equal(200);
        sink.keys = { keys: [next.jwk] };
        passTime(open, 61 * SECOND);
        for (let turn = 0; turn < 4; turn += 1) refused(await from('retiring', old));
      });

      it('while the host of the keys is away the known ones stand in, for an hour', async () => {
        const one = await newKey();
        sink.keys = { keys: [one.jwk] };
        for (let turn = 0; turn < 4; turn += 1) expect((await from('lonely', one)).status).to.equal(200);
        sink.keys = { keys: 'nothing of use' };
        passTime(open, 10 * 61 * SECOND);
        expect((await from('lonely', one)).status).to.equal(200);
        passTime(open, 3700 * SECOND);
        refused(await from('lonely', one));
      });

      it('OA-41 a redirect and an endless answer are refused', async () => {
        sink.keys = { keys: [key.jwk] };
        refused(await from('away'));
        refused(await from('huge'));
      });

      it('OA-41 a host that fails is left alone for some seconds, however many assertions strangers send', async () => {
        sink.connections = 0;
        for (let turn = 0; turn < 6; turn += 1) refused(await from('failing'));
        expect(sink.connections).to.be.within(1, STAND.servers);
        passTime(open, 6 * SECOND);
        refused(await from('failing'));
        expect(sink.connections).to.be.within(2, STAND.servers + 1);
      });
    });
  });

  it('OA-48 client_secret_jwt is not offered', async () => {
    const document = jsonOf(await get(`${issuer()}/.well-known/openid-configuration`));
    expect(document.token_endpoint_auth_methods_supported).to.have.members([
      'none',
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ]);
  });
});
