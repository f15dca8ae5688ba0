import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import { asAppId } from '../../../src/core/ids.ts';
import { createInboxRouter } from '../../../src/http/dev/inbox.ts';
import type { MessageList, messageDetail } from '../../../src/http/dev/inbox-api.ts';
import { type CaptureTransport, createCaptureTransport } from '../../../src/mail/transports/capture.ts';
import { composeSignInMail } from '../../support/sign-in-mail.ts';
import { TestClock } from './memory-store.ts';

type Detail = ReturnType<typeof messageDetail>;

const SECRET = 'S'.repeat(43);
const linkOf = (name: string) => `http://localhost:3000/shop/link/${name.padEnd(22, '0')}#${SECRET}`;

describe('development inbox', () => {
  let capture: CaptureTransport;
  let clock: TestClock;
  let server: Server;
  let base: string;

  const send = async (to: string, appName = 'Shop') => {
    clock.move(1000);
    await capture.send(
      composeSignInMail({
        app: {
          id: asAppId('shop'),
          name: appName,
          accent: '#4f46e5',
          from: { name: appName, address: 'no-reply@shop.example' },
        },
        to,
        locales: [],
        link: linkOf(to.split('@')[0] ?? ''),
        code: '12345678',
        messageId: `<${to}>`,
        device: 'Firefox on Linux',
        askedAt: clock.now(),
        expiresAt: clock.now() + 600_000,
        date: new Date(clock.now()),
      }),
    );
  };
  const get = (path: string, init?: RequestInit) => fetch(`${base}${path}`, init);
  const list = async (path: string): Promise<MessageList> => (await get(path)).json() as Promise<MessageList>; // asserted below
  const detail = async (path: string): Promise<Detail> => (await get(path)).json() as Promise<Detail>; // likewise

  before(async () => {
    clock = new TestClock();
    capture = createCaptureTransport({ clock });
    const koa = new Koa();
    koa.use((ctx, next) => {
      ctx.state.nonce = 'given-nonce';
      ctx.set('X-Frame-Options', 'DENY');
      return next();
    });
    koa.use(createInboxRouter(capture).routes());
    const handle = koa.callback();
    server = createServer((req, res) => void handle(req, res));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dev/inbox`; // it listens on TCP
  });
  beforeEach(() => capture.clear());
  after(() => server.close());

  it('lists the newest mail first, with its link and code ready', async () => {
    await send('ann@example.org');
    await send('bob@example.org');
    const page = await (await get('')).text();
    expect(page.indexOf('bob@example.org')).within(0, page.indexOf('ann@example.org'));
    expect(page).include(`href="${linkOf('bob')}"`);
    expect(page).include('data-copy="12345678"');
  });

  it('keeps the last 200 mails', async () => {
    for (let at = 0; at < 203; at += 1) await send(`u${at}@example.org`);
    expect(capture.list()).length(200);
    expect(capture.list()[0]?.mail.to).equal('u202@example.org');
  });

  it('answers lists in the fields of Mailpit', async () => {
    await send('ann@example.org');
    await send('bob@example.org');
    const page = await list('/api/v1/messages?limit=1&start=1');
    expect(page).include({ total: 2, count: 1, messages_count: 2, start: 1 });
    expect(page.messages).length(1);
    expect(page.messages[0]).deep.include({
      MessageID: 'ann@example.org',
      From: { Name: 'Shop', Address: 'no-reply@shop.example' },
      To: [{ Name: '', Address: 'ann@example.org' }],
      Cc: [],
      Bcc: [],
      ReplyTo: [],
      Subject: 'Sign in to Shop',
      Attachments: 0,
      Tags: [],
      Created: new Date(clock.now() - 1000).toISOString(),
    });
    expect(page.messages[0]?.Snippet).length.within(100, 250);
    expect(page.messages[0]?.Size).above(1000);
  });

  it('answers one message by id and the newest as `latest`', async () => {
    await send('ann@example.org');
    await send('bob@example.org');
    const latest = await detail('/api/v1/message/latest');
    expect(latest.To).deep.equal([{ Name: '', Address: 'bob@example.org' }]);
    expect(latest.Text).include(linkOf('bob'));
    expect(latest.HTML).include('1234 5678');
    expect(await detail(`/api/v1/message/${latest.ID}`)).deep.equal(latest);
    const missing = await get('/api/v1/message/unknown');
    expect(missing.status).equal(404);
    expect(await missing.json()).deep.equal({ Error: 'Message not found' });
  });

  it('searches by recipient, subject and words, and excludes', async () => {
    await send('ann@example.org');
    await send('bob@example.org', 'Bank of Nowhere');
    const namesOf = async (query: string) => {
      const found = await list(`/api/v1/search?query=${encodeURIComponent(query)}`);
      expect(found.total).equal(2);
      return found.messages.map((mail) => mail.To[0]?.Address.split('@')[0]).join();
    };
    expect(await namesOf('to:ann@example.org')).equal('ann');
    expect(await namesOf('to:"BOB@example.org"')).equal('bob');
    expect(await namesOf('subject:"of nowhere"')).equal('bob');
    expect(await namesOf('to:example.org -subject:bank')).equal('ann');
    expect(await namesOf('from:shop.example !to:bob')).equal('ann');
    expect(await namesOf('zebra')).equal('');
  });

  it('deletes those named, or all; a body that is not understood deletes nothing', async () => {
    for (const name of ['ann', 'bob', 'cy']) await send(`${name}@example.org`);
    const [newest] = capture.list();
    const remove = (body?: string) =>
      get('/api/v1/messages', { method: 'DELETE', ...(body ? { body } : {}) });
    expect((await remove('{"IDs": "all"}')).status).equal(400);
    expect((await remove('{"IDs"')).status).equal(400);
    expect(capture.list()).length(3);
    expect((await remove(JSON.stringify({ IDs: [newest?.id] }))).status).equal(200);
    expect(capture.list().map((caught) => caught.mail.to)).deep.equal(['bob@example.org', 'ann@example.org']);
    expect((await remove()).status).equal(200);
    expect(capture.list()).length(0);
  });

  it('reading changes nothing', async () => {
    await send('ann@example.org');
    const before = await list('/api/v1/messages');
    await get('');
    await get('/message/latest');
    await get('/api/v1/message/latest');
    expect(await list('/api/v1/messages')).deep.equal(before);
    expect((await get('/api/v1/messages', { method: 'POST' })).status).not.equal(200);
  });

  it('ML-73 pages escape what a mail holds; the preview runs no script and loads nothing', async () => {
    await send('ann@example.org', '<script>alert(1)</script>');
    for (const path of ['', '/message/latest']) {
      const answer = await get(path);
      expect(await answer.text()).not.include('<script>alert');
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).include("default-src 'none'").include("script-src 'nonce-given-nonce'");
      expect(policy).not.include('unsafe');
    }
    const preview = await get('/message/latest/html');
    const policy = preview.headers.get('content-security-policy') ?? '';
    expect(policy).include("default-src 'none'").include('sandbox allow-popups');
    expect(policy).not.match(/script-src|allow-scripts|allow-same-origin/);
    expect(preview.headers.get('x-frame-options')).equal('SAMEORIGIN');
    expect(await preview.text()).include('<base target="_blank">');
  });

  it('says plainly when a mail is gone', async () => {
    const answer = await get('/message/unknown');
    expect(answer.status).equal(404);
    expect(await answer.text()).include('This mail is gone');
    expect((await get('/message/unknown/html')).status).equal(404);
  });

  it('serves its style and script, and nothing is cached', async () => {
    for (const [path, type] of [
      ['/style.css', 'text/css'],
      ['/inbox.js', 'text/javascript'],
    ] as const) {
      const answer = await get(path);
      expect(answer.headers.get('content-type')).include(type);
      expect(answer.headers.get('cache-control')).equal('no-store');
    }
  });
});
