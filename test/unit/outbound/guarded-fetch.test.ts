import { createServer, type Server as HttpServer, type RequestListener } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type LookupFunction,
  type Server,
} from 'node:net';
import { expect } from 'chai';
import {
  createGuardedFetch,
  type GuardOptions,
  type OutboundFault,
  type OutboundReason,
} from '../../../src/outbound/guarded-fetch.ts';

const LOOPBACK = ['127.0.0.0/8', '::1'];

/** What a name resolves to, one answer after the other. */
const answering = (...answers: readonly string[][]): LookupFunction => {
  let asked = 0;
  return (_name, _options, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
};

async function reasonOf(url: string, options: Partial<GuardOptions> = {}): Promise<OutboundReason | string> {
  const guarded = createGuardedFetch({ allow: [], allowHttp: true, timeoutMs: 500, ...options });
  const result = await guarded(url).catch((fault: OutboundFault) => fault);
  return 'reason' in result ? result.reason : `answered ${result.status}`;
}

/** Counts the connections that reach this machine, whatever is said on them. */
class Sink {
  connections = 0;
  readonly #servers: Server[] = [];

  async open(): Promise<number> {
    const port = await this.#listen('127.0.0.1', 0);
    await this.#listen('::1', port);
    return port;
  }

  async #listen(host: string, port: number): Promise<number> {
    const server = createTcpServer((socket) => {
      this.connections += 1;
      socket
        .on('error', () => undefined)
        .resume()
        .end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
    });
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    this.#servers.push(server);
    return (server.address() as AddressInfo).port; // a TCP server has no string address
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

describe('guarded fetch', () => {
  let sink: Sink;
  let port: number;
  before(async () => {
    sink = new Sink();
    port = await sink.open();
  });
  beforeEach(() => {
    sink.connections = 0;
  });
  after(() => sink.close());

  const literals = [
    '127.0.0.1',
    '127.9.9.9',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '127.1',
    '0.0.0.0',
    '0',
    '127.0.0.1.',
    '169.254.169.254',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '192.0.0.8',
    '198.18.0.1',
    '203.0.113.5',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:10.0.0.1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b:1::1]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[2001::1]',
    '[2001:db8::1]',
    '[2002:7f00:1::1]',
    '[3fff::1]',
    '[100::1]',
  ];
  for (const host of literals) {
    it(`OA-40 OA-41 ${host} is refused and nothing reaches it`, async () => {
      // By https, so that the address alone decides, and by a name that resolves to it.
      expect(await reasonOf(`https://${host}:${port}/`)).to.equal('refused');
      const address = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '');
      expect(await reasonOf(`https://a.test:${port}/`, { lookup: answering([address]) })).to.equal('refused');
      expect(sink.connections).to.equal(0);
    });
  }

  it('OA-41 a name that resolves to a private address, or to one among public ones, is refused', async () => {
    for (const answer of [['127.0.0.1'], ['93.184.216.34', '127.0.0.1'], ['2606:2800:220:1::1', '::1']]) {
      expect(await reasonOf(`https://a.test:${port}/`, { lookup: answering(answer) })).to.equal('refused');
    }
    expect(await reasonOf(`https://localhost:${port}/`)).to.equal('refused');
    expect(sink.connections).to.equal(0);
  });

  it('OA-41 a name that was harmless and then turns to a private address is refused at the second call', async () => {
    const guarded = createGuardedFetch({
      allow: ['127.0.0.1'],
      allowHttp: true,
      lookup: answering(['127.0.0.1'], ['::1']),
    });
    const first = await guarded(`http://a.test:${port}/`);
    expect(await first.text()).to.equal('hi');
    const second = await guarded(`http://a.test:${port}/`).catch((fault: OutboundFault) => fault.reason);
    expect(second).to.equal('refused');
    expect(sink.connections).to.equal(1);
  });

  it('OA-41 asks the name server once for each call, and connects to what was checked', async () => {
    let asked = 0;
    const counting: LookupFunction = (name, options, callback) => {
      asked += 1;
      answering(['127.0.0.1'])(name, options, callback);
    };
    expect(await reasonOf(`http://a.test:${port}/`, { allow: LOOPBACK, lookup: counting })).to.equal(
      'answered 200',
    );
    expect(asked).to.equal(1);
  });

  it('OA-41 public addresses are no reason to refuse', async () => {
    const { isPublicAddress } = await import('../../../src/lib/public-address.ts');
    const open = ['8.8.8.8', '93.184.216.34', '172.32.0.1', '2606:4700::1', '64:ff9b::808:808'];
    expect(open.filter((address) => !isPublicAddress(address))).to.deep.equal([]);
    expect(['', 'a.test', '8.8.8.8.8', 'fe80::1%eth0'].filter(isPublicAddress)).to.deep.equal([]);
  });

  it('OA-41 plain http is for addresses of the list, and only where it is switched on', async () => {
    const lookup = answering(['93.184.216.34']);
    expect(await reasonOf('http://a.test/', { lookup })).to.equal('refused');
    expect(await reasonOf(`http://127.0.0.1:${port}/`, { allow: LOOPBACK, allowHttp: false })).to.equal(
      'refused',
    );
    expect(await reasonOf(`http://127.0.0.1:${port}/`, { allow: LOOPBACK })).to.equal('answered 200');
    expect(await reasonOf(`http://[::1]:${port}/`, { allow: LOOPBACK })).to.equal('answered 200');
  });

  it('OA-41 only http and https are called, and never with credentials in the URL', async () => {
    for (const url of [
      'file:///etc/passwd',
      'ftp://127.0.0.1/',
      'data:,x',
      `http://a:b@127.0.0.1:${port}/`,
    ]) {
      expect(await reasonOf(url, { allow: LOOPBACK }), url).to.equal('refused');
    }
  });

  describe('with a server that answers as it likes', () => {
    let server: HttpServer;
    let url: string;
    let answer: RequestListener;
    before(async () => {
      server = createServer((req, res) => answer(req, res));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`; // a TCP server has no string address
    });
    after(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    it('posts a body and gives back status and body', async () => {
      let seen = '';
      answer = (req, res) => {
        req.on('data', (chunk) => {
          seen += chunk;
        });
        req.on('end', () => res.writeHead(400, { 'Content-Type': 'application/json' }).end('{"a":1}'));
      };
      const guarded = createGuardedFetch({ allow: LOOPBACK, allowHttp: true });
      const got = await guarded(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: 'logout_token=x',
      });
      expect([got.status, await got.json(), seen]).to.deep.equal([400, { a: 1 }, 'logout_token=x']);
    });

    it('OA-41 a redirect is an answer and is not followed', async () => {
      answer = (_req, res) => res.writeHead(302, { Location: `http://127.0.0.1:${port}/` }).end();
      expect(await reasonOf(url, { allow: LOOPBACK })).to.equal('answered 302');
      expect(sink.connections).to.equal(0);
    });

    it('OA-41 reads no more than the limit, with and without a declared length', async () => {
      let sent = 0;
      answer = (_req, res) => {
        const more = (): void => {
          if (res.destroyed || sent > 50_000_000) return;
          sent += 16_384;
          if (res.write(Buffer.alloc(16_384))) setImmediate(more);
          else res.once('drain', more);
        };
        more();
      };
      expect(await reasonOf(url, { allow: LOOPBACK, timeoutMs: 5000 })).to.equal('too_large');
      expect(sent).to.be.below(20_000_000);
      answer = (_req, res) => res.writeHead(200, { 'Content-Encoding': 'gzip' }).end('x');
      expect(await reasonOf(url, { allow: LOOPBACK })).to.equal('too_large');
      answer = (_req, res) => res.end(Buffer.alloc(64 * 1024));
      expect(await reasonOf(url, { allow: LOOPBACK })).to.equal('answered 200');
    });

    it('OA-41 does not wait for a drip, a silent server or a dead connection', async () => {
      answer = (_req, res) => {
        const timer = setInterval(() => res.write('x'), 20);
        res.on('close', () => clearInterval(timer));
      };
      expect(await reasonOf(url, { allow: LOOPBACK, timeoutMs: 150 })).to.equal('timeout');
      answer = () => undefined;
      expect(await reasonOf(url, { allow: LOOPBACK, timeoutMs: 100 })).to.equal('timeout');
      answer = (req) => req.socket.destroy();
      expect(await reasonOf(url, { allow: LOOPBACK })).to.equal('unreachable');
      answer = (req) => req.socket.end('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
      expect(await reasonOf(url, { allow: LOOPBACK, timeoutMs: 5000 })).to.equal('unreachable');
    });
  });
});
