/**
 * The container's health: whether the server in it is ready. Node, because the image has no other HTTP client. It asks by
 * the name of BASE_URL, since a request for any other host is turned away.
 */
import { request } from 'node:http';
import process from 'node:process';

const { PORT = '3000', BASE_URL = `http://localhost:${PORT}` } = process.env;

const asked = request(
  {
    host: '127.0.0.1',
    port: Number(PORT),
    path: '/health/ready',
    headers: { host: new URL(BASE_URL).host },
    timeout: 4000,
  },
  (response) => process.exit(response.statusCode === 200 ? 0 : 1),
);
asked.on('timeout', () => asked.destroy());
asked.on('error', () => process.exit(1));
asked.end();
