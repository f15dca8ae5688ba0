/**
 * The container's health: whether the server in it is ready. Node, because the image has no other HTTP client.
 */
import { request } from 'node:http';
import process from 'node:process';

const { PORT = '3000' } = process.env;

const asked = request(
  {
    host: '127.0.0.1',
    port: Number(PORT),
    path: '/health/ready',
    timeout: 4000,
  },
  (response) => process.exit(response.statusCode === 200 ? 0 : 1),
);
asked.on('timeout', () => asked.destroy());
asked.on('error', () => process.exit(1));
asked.end();
