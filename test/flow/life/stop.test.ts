/** The end of a process: readiness first, then what is under way, then the store. */
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { serve } from '../../../src/serving.ts';
import { type Harness, startPostern } from '../../support/harness.ts';

describe('graceful stop', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startPostern();
  });
  afterEach(async () => {
    await harness.close();
  });

  it('RL-19 answers what is under way, closes kept-alive connections and takes no new ones', async () => {
    const port = await freePort();
    const held = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const order: string[] = [];
    const callback: typeof harness.server.callback = (req, res) => {
      if (req.url !== '/held') return harness.server.callback(req, res);
      asked.resolve();
      void held.promise.then(() => res.end('answered', () => order.push('answered')));
    };
    const server = {
      ...harness.server,
      callback,
      close: async () => {
        order.push('store closed');
      },
    };
    const serving = await serve(server, { host: '127.0.0.1', port, stopDelayMs: 0 });
    const agent = new Agent({ keepAlive: true });
    const get = (path: string) => ask(agent, port, path, harness.url);
    expect((await get('/health/live')).connection).to.equal('keep-alive');
    const underWay = get('/held');
    await asked.promise;
    const stopped = serving.stop();
    expect(serving.stop(), 'asked twice').to.equal(stopped);
    expect(await ask(new Agent(), port, '/health/live', harness.url).catch((fault) => fault.code)).to.equal(
      'ECONNREFUSED',
    );
    held.resolve();
    expect(await underWay).to.include({ body: 'answered', connection: 'close' });
    await stopped;
    expect(order).to.deep.equal(['answered', 'store closed']);
    agent.destroy();
  });

  it('RL-19 is not ready from the first moment, while it still answers', async () => {
    const port = await freePort();
    const server = { ...harness.server, close: async () => undefined };
    const serving = await serve(server, { host: '127.0.0.1', port, stopDelayMs: 300 });
    const agent = new Agent({ keepAlive: true });
    expect(await ask(agent, port, '/health/ready', harness.url)).to.include({ status: 200 });
    const stopped = serving.stop();
    const answer = await ask(agent, port, '/health/ready', harness.url);
    expect(answer).to.include({ status: 503, body: '{"status":"stopping"}', connection: 'close' });
    await stopped;
    agent.destroy();
  });
});

interface Reply {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: string;
}

function ask(agent: Agent, port: number, path: string, url: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { host: new URL(url).host };
    const outgoing = request({ agent, host: '127.0.0.1', port, path, headers }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode, connection: incoming.headers.connection, body });
      });
    });
    outgoing.on('error', reject).end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
