/** Host, forwarded headers and request lines that lie: URLs come from configuration only. */
import { expect } from 'chai';
import { type Harness, startPostern } from '../../support/harness.ts';
import { newAddress } from '../../support/logins.ts';
import { head, sendRaw } from '../../support/raw-request.ts';
import { formWith } from '../../support/relying-party.ts';
import { askForMail, landingOf, newBrowser } from '../../support/sign-in.ts';

/** Headers that some proxy somewhere reads. */
const FORWARDED: Readonly<Record<string, string>> = {
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '4444',
  'x-forwarded-prefix': '/evil',
  'x-forwarded-server': 'evil.example',
  forwarded: 'host=evil.example;proto=https',
  'x-host': 'evil.example',
  'x-original-host': 'evil.example',
  'x-original-url': '/evil',
  'x-rewrite-url': '/evil',
};

describe('hosts', () => {
  let harness: Harness;
  let host: string;
  before(async () => {
    harness = await startPostern();
    host = new URL(harness.url).host;
  });
  after(() => harness.close());

  const STRANGE_HOSTS = (): readonly string[] => [
    'evil.example',
    `evil.example:${new URL(harness.url).port}`,
    `evil.example:x@${host}`,
    `${host}@evil.example`,
    `${host}.evil.example`,
    `${host}:80`,
    `${host} evil.example`,
    `${host},evil.example`,
    `${host}/evil`,
    'a b',
    '[::1',
    '',
    '\u00ff',
  ];

  /** In development a GET under another Host is sent to BASE_URL. */
  function expectOwnLocation(reply: string): void {
    const location = /^location: (.*)$/im.exec(reply)?.[1];
    if (location !== undefined) expect(new URL(location.trim()).origin).to.equal(harness.url);
  }

  it('ML-70 a sign-in begun under forged headers is mailed a link of the configured origin', async () => {
    const browser = newBrowser(harness);
    const address = newAddress();
    const page = await browser.visit(await harness.rp().authorizationUrl(), { headers: FORWARDED });
    expect(page.status).to.equal(200);
    const waiting = await browser.submit(formWith(page, 'email'), { email: address }, { headers: FORWARDED });
    expect(waiting.status).to.equal(200);
    const mail = await harness.mailTo(address);
    expect(mail.link.startsWith(`${harness.url}/shop/link/`)).to.equal(true);
    expect(page.body + waiting.body + mail.html + mail.text).not.to.match(/evil\.example|\/evil/);
  });

  it('ML-71 discovery and the way back name the configured origin under every header', async () => {
    for (const path of [
      '/shop/.well-known/openid-configuration',
      '/.well-known/openid-configuration/shop',
      '/shop/jwks',
    ]) {
      for (const [name, value] of Object.entries(FORWARDED)) {
        const answer = await newBrowser(harness).visit(`${harness.url}${path}`, {
          headers: { [name]: value },
        });
        expect(answer.status).to.equal(200);
        expect(answer.body, name).not.to.match(/evil\.example|\/evil/);
        const origins = (answer.body.match(/https?:\/\/[^/"]+/g) ?? []).filter((url) => url !== harness.url);
        expect(origins, name).to.deep.equal([]);
      }
    }
    const start = await newBrowser(harness).visit(await harness.rp().authorizationUrl(), {
      headers: FORWARDED,
      follow: false,
    });
    expect(new URL(start.next ?? '').origin).to.equal(harness.url);
  });

  it('ML-70 another Host is never served and never a fault', async () => {
    for (const strange of STRANGE_HOSTS()) {
      for (const [method, path] of [
        ['GET', '/shop/.well-known/openid-configuration'],
        ['GET', '/shop/auth?client_id=web'],
        ['POST', '/shop/token'],
        ['GET', '/shop/interaction/x'],
      ] as const) {
        const reply = await sendRaw(
          harness,
          head(`${method} ${path} HTTP/1.1`, `Host: ${strange}`, 'Content-Length: 0', 'Connection: close'),
        );
        expect(reply.status, `${JSON.stringify(strange)} ${path}`).to.be.oneOf([307, 400, 421]);
        expectOwnLocation(reply.head);
        expect(reply.body).not.to.match(/evil\.example|\/evil/);
      }
    }
  });

  it('ML-70 in production another Host is refused, never redirected', async () => {
    const strict = await startPostern({
      config: { production: true },
      transport: { name: 'none', send: async () => ({ outcome: 'accepted' }), close: async () => undefined },
    });
    try {
      const reply = await sendRaw(
        strict,
        head('GET /shop/auth HTTP/1.1', 'Host: evil.example', 'Connection: close'),
      );
      expect(reply.status).to.equal(421);
      expect(reply.head).not.to.match(/^location:/im);
    } finally {
      await strict.close();
    }
  });

  it('ML-70 RL-21 the health of a process is told under any Host, and nothing else is', async () => {
    const send = (line: string) =>
      sendRaw(harness, head(`${line} HTTP/1.1`, 'Host: 10.0.0.7:3000', 'Connection: close'));
    for (const path of ['/health/live', '/health/ready']) {
      for (const method of ['GET', 'HEAD']) {
        const reply = await send(`${method} ${path}`);
        expect(reply.status, `${method} ${path}`).to.equal(200);
        expect(reply.head).not.to.match(/^(?:set-cookie|location):/im);
      }
    }
    for (const line of [
      'POST /health/live',
      'GET /health/live/',
      'GET /health/live/../../shop/jwks',
      'GET /health/live%2f..%2fjwks',
      'GET /health',
      'GET /public/postern.css',
      'GET /shop/jwks',
      'GET /shop/health/live',
      'GET http://10.0.0.7:3000/health/live',
    ]) {
      const reply = await send(line);
      expect(reply.status, line).to.be.oneOf([307, 400, 421]);
      expectOwnLocation(reply.head);
    }
  });

  it('ML-70 two Host lines, no Host, and absolute or strange request targets', async () => {
    const lines: readonly (readonly [string, ...string[]])[] = [
      ['GET /shop/jwks HTTP/1.1', `Host: ${host}`, 'Host: evil.example'],
      ['GET /shop/jwks HTTP/1.1', 'Host: evil.example', `Host: ${host}`],
      ['GET /shop/jwks HTTP/1.1'],
      ['GET http://evil.example/shop/jwks HTTP/1.1', `Host: ${host}`],
      [`GET ${harness.url}/shop/jwks HTTP/1.1`, `Host: ${host}`],
      ['OPTIONS * HTTP/1.1', `Host: ${host}`],
      ['CONNECT evil.example:443 HTTP/1.1', `Host: ${host}`],
      ['GET //evil.example/shop/jwks HTTP/1.1', `Host: ${host}`],
    ];
    for (const given of lines) {
      const reply = await sendRaw(harness, head(...given, 'Connection: close'));
      expect(reply.status, given.join(' | ')).to.be.oneOf([0, 307, 400, 404, 405, 421]);
      expectOwnLocation(reply.head);
    }
  });

  it('WB-11 lengths that contradict one another are refused, and nothing is smuggled', async () => {
    const smuggled = `GET /health/live HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const tries: readonly string[] = [
      head('POST /shop/token HTTP/1.1', `Host: ${host}`, 'Content-Length: 4', 'Transfer-Encoding: chunked') +
        `0\r\n\r\n${smuggled}`,
      head('POST /shop/token HTTP/1.1', `Host: ${host}`, 'Transfer-Encoding: chunked', 'Content-Length: 4') +
        `0\r\n\r\n${smuggled}`,
      head(
        'POST /shop/token HTTP/1.1',
        `Host: ${host}`,
        'Content-Length: 0',
        `Content-Length: ${smuggled.length}`,
      ) + smuggled,
      head('POST /shop/token HTTP/1.1', `Host: ${host}`, 'Transfer-Encoding: chunked, identity') +
        `0\r\n\r\n${smuggled}`,
      head('POST /shop/token HTTP/1.1', `Host: ${host}`, 'Transfer-Encoding: xchunked') +
        `0\r\n\r\n${smuggled}`,
      head('POST /shop/token HTTP/1.1', `Host: ${host}`, 'Content-Length: -1') + smuggled,
      head('POST /shop/token HTTP/1.1', `Host: ${host}`, 'Content-Length : 0') + smuggled,
      head('GET /shop/jwks HTTP/1.1', `Host: ${host}`, `X-Big: ${'a'.repeat(64 * 1024)}`),
      head(`GET /shop/jwks?${'a'.repeat(64 * 1024)} HTTP/1.1`, `Host: ${host}`),
      head('GET /shop/jwks HTTP/1.1', `Host: ${host}`, 'X-Null: a\u0000b'),
    ];
    for (const bytes of tries) {
      const reply = await sendRaw(harness, bytes);
      expect(reply.status, bytes.slice(0, 120)).to.be.oneOf([400, 431]);
      expect(reply.answers, bytes.slice(0, 120)).to.equal(1);
    }
  });

  it('WB-11 a method in a header or a field changes nothing', async () => {
    const { mail } = await askForMail(harness);
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const answer = await newBrowser(harness).visit(`${landingOf(mail)}?_method=POST`, {
        headers: { [name]: 'POST' },
      });
      expect(answer.status, name).to.equal(200);
    }
    const answer = await newBrowser(harness).visit(`${harness.url}/shop/jwks`, {
      method: 'POST',
      headers: { 'x-http-method-override': 'GET' },
      body: {},
    });
    expect(answer.status).to.be.oneOf([404, 405]);
  });
});
