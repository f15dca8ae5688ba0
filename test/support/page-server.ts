/**
 * Serves pages straight from `render`, with the headers that production sends and nothing behind them: a stand-in for the
 * parts of Postern that the scripts of a page talk to. Loopback only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '../../src/core/page.ts';
import { findAsset } from '../../src/http/assets.ts';
import { render } from '../../src/http/render.ts';

export interface PageServer {
  readonly origin: string;
  /** What `/status` answers; undefined is a 404. */
  status: object | undefined;
  /** Bodies of the POSTs so far, by path. */
  readonly posts: { readonly path: string; readonly body: URLSearchParams }[];
  /** Every path asked for so far, with its query, and no fragment, as browsers send none. */
  readonly paths: string[];
  /** Serves a page at `/page/<name>` and gives its address. */
  show(name: string, page: Page, options?: ShowOptions): string;
  close(): Promise<void>;
}

export interface ShowOptions {
  readonly locale?: string;
  readonly app?: { name: string; accent: string; logo?: string; support?: string };
}

const APP = { name: 'Acme', accent: '#4f46e5', support: 'https://acme.example/help' };
const NONCE = 'bm9uY2Utb2YtdGhpcy1yZXNwb25zZQ';
const CSP =
  `default-src 'none'; script-src 'nonce-${NONCE}'; style-src 'self' 'nonce-${NONCE}'; img-src 'self' data:; ` +
  `connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

export async function startPageServer(): Promise<PageServer> {
  const pages = new Map<string, { page: Page; options: ShowOptions }>();
  const posts: PageServer['posts'] = [];
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    paths.push(request.url ?? '');
    if (request.method === 'POST') {
      void readBody(request).then((body) => {
        posts.push({ path, body });
        response.writeHead(204).end();
      });
      return;
    }
    const shown = pages.get(path);
    if (shown) sendPage(response, shown.page, shown.options);
    else sendOther(response, path, control.status);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A listening TCP server has an address object, never a pipe name.
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const control: PageServer = {
    origin,
    status: undefined,
    posts,
    paths,
    show(name, page, options = {}) {
      pages.set(`/page/${name}`, { page, options });
      return `${origin}/page/${name}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return control;
}

function sendPage(response: ServerResponse, page: Page, options: ShowOptions): void {
  const { html } = render(page, {
    app: options.app ?? APP,
    locales: [options.locale ?? 'en'],
    nonce: NONCE,
    pseudoLocales: true,
  });
  response.writeHead(page.status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': CSP,
    'cache-control': 'no-store',
  });
  response.end(html);
}

function sendOther(response: ServerResponse, path: string, status: object | undefined): void {
  const asset = findAsset(path);
  if (asset) {
    response.writeHead(200, { 'content-type': asset.contentType, etag: asset.etag }).end(asset.body);
  } else if (path === '/status') {
    response.writeHead(status ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(status ?? {}));
  } else if (path === '/resume') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('resumed');
  } else {
    // The browser stays where it is: pages that go on by themselves can be looked at.
    response.writeHead(204).end();
  }
}

async function readBody(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return new URLSearchParams(text);
}
