// Serves the files of the single-page app, and tells it its settings. Everything else happens in the browser.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import process from 'node:process';

const { ISSUER = 'http://localhost:3000/shop', CLIENT_ID = 'spa', PORT = '4001' } = process.env;
const { REDIRECT_URI = `http://localhost:${PORT}/callback` } = process.env;

const files = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  // The callback is the same page: the script in it finishes the sign-in.
  '/callback': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/oidc-client-ts.js': [
    'node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js',
    'text/javascript; charset=utf-8',
  ],
};

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, REDIRECT_URI);
  if (pathname === '/settings.json') {
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify({ issuer: ISSUER, clientId: CLIENT_ID, redirectUri: REDIRECT_URI }));
    return;
  }
  const [name, type] = files[pathname] ?? [];
  if (!name) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'content-type': type,
    'cache-control': 'no-cache',
    'referrer-policy': 'no-referrer',
    // Tokens live in this page: no script but its own may run here, and it may talk to the issuer only.
    'content-security-policy': `default-src 'none'; script-src 'self'; connect-src 'self' ${new URL(ISSUER).origin}; base-uri 'none'; frame-ancestors 'none'`,
  });
  response.end(await readFile(new URL(name, import.meta.url)));
}).listen(Number(PORT), '127.0.0.1', () => console.log(`Open http://localhost:${PORT}/`));
