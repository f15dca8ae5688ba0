/** How many requests one process takes on at a time. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { Admission } from '../../src/http/admission.ts';

const MAX = 3;

describe('admission', () => {
  let server: Server;
  /** Answers that are held back until the test lets them go. */
  let held: ServerResponse[];
  let arrived: number;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    held = [];
    arrived = 0;
    const admission = new Admission(MAX);
    server = createServer((req, res) => {
      arrived += 1;
      if (!admission.enters(req, res)) return void res.writeHead(503).end();
      req.on('end', () => held.push(res)).resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  async function send(text: string): Promise<Socket> {
    const before = arrived;
    const { port } = server.address() as AddressInfo; // a TCP server has no string address
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(text);
    await until(() => arrived > before);
    return socket;
  }
  const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
  const statusOf = async (socket: Socket): Promise<string> =>
    String((await once(socket, 'data'))[0]).slice(9, 12);
  /** Whether one more is taken on. */
  async function isOpen(): Promise<boolean> {
    const before = held.length;
    const socket = await send(GET);
    const answer = statusOf(socket);
    await Promise.race([answer, until(() => held.length > before)]);
    held.splice(before, 1)[0]?.end();
    return (await answer) === '200';
  }

  it('takes on so many and refuses the next, until one has its answer', async () => {
    for (let index = 0; index < MAX; index += 1) await send(GET);
    expect(await isOpen()).to.equal(false);
    held.shift()?.end();
    await until(() => held.length === MAX - 1);
    expect(await isOpen()).to.equal(true);
  });

  it('a GET counts from its head on, whatever it says of a body', async () => {
    for (let index = 0; index < MAX; index += 1) await send(POST.replace('POST', 'GET'));
    expect(await isOpen()).to.equal(false);
  });

  for (const [what, start, rest] of [
    ['a length', POST, '0123456789'],
    ['chunks', POST.replace('Content-Length: 10', 'Transfer-Encoding: chunked'), '1\r\nx\r\n0\r\n\r\n'],
  ] as const) {
    it(`RL-15 bodies with ${what} that trickle in keep nobody out; a whole one counts`, async () => {
      const slow: Socket[] = [];
      for (let index = 0; index < 2 * MAX; index += 1) slow.push(await send(start));
      expect(await isOpen()).to.equal(true);
      for (const socket of slow.slice(0, MAX)) socket.write(rest);
      await until(() => held.length === MAX);
      expect(await isOpen()).to.equal(false);
      for (const res of held.splice(0)) res.end();
      await Promise.all(slow.slice(0, MAX).map(statusOf));
      for (const socket of slow.slice(MAX)) socket.destroy();
      expect(await isOpen()).to.equal(true);
    });
  }
});
