import { expect } from 'chai';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { EXIT } from '../../../src/cli/command.ts';
import { examine } from '../../../src/mail/doctor/examine.ts';
import { EXPIRED, GOOD, KEY } from '../../support/certificates.ts';
import { type FakeDns, startFakeDns } from '../../support/fake-dns.ts';
import { type FakeProvider, startFakeProvider } from '../../support/fake-provider.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { operator } from '../../support/operator.ts';
import { instrumentsWith, levels, only, patientOf } from './patient.fixture.ts';

describe('postern doctor', () => {
  let dns: FakeDns;
  let provider: FakeProvider;
  let instruments: ReturnType<typeof instrumentsWith>;
  const opened: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    dns = await startFakeDns({ 'shop.example': { mx: [[10, 'mx.shop.example']] } });
    provider = await startFakeProvider();
    instruments = instrumentsWith(dns.server);
    opened.push(dns, provider);
  });
  afterEach(async () => {
    instruments.close();
    for (const each of opened.splice(0)) await each.close();
  });

  const secure = async (cert: string, more: SMTPServerOptions = {}) => {
    const server = new SMTPServer({
      key: KEY,
      cert,
      closeTimeout: 1,
      ...more,
      onAuth: (given, _session, done) =>
        given.password === 'hunter2-hunter2'
          ? done(null, { user: 'u' })
          : done(Object.assign(new Error('no'), { responseCode: 535 })),
    });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.server.address();
    opened.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
    return typeof address === 'object' && address ? address.port : 0;
  };
  const smtp = (port: number, more = {}) =>
    examine(
      patientOf({
        settings: [
          { type: 'smtp', host: 'localhost', port, user: 'u', password: 'hunter2-hunter2', ...more },
        ],
      }),
      instruments,
    );

  it('tries a mail server: TLS, the end of its certificate, the credentials, and sends nothing', async () => {
    const port = await secure(GOOD);
    const fine = await smtp(port);
    expect(levels(fine)).to.include.members(['ok smtp.tls', 'ok smtp.auth']);
    expect(only(fine, 'smtp.tls').what).to.match(/ends in \d+ days/);
    const refused = await smtp(port, { password: 'wrong' });
    expect(only(refused, 'smtp.auth')).to.include({ level: 'fail' });
    expect(JSON.stringify(refused)).to.include('535').and.not.include('wrong');
    instruments.clock.move(Date.parse('2118-12-25') - instruments.clock.now());
    const soon = await smtp(port);
    expect(only(soon, 'smtp.tls')).to.include({ level: 'warn' });
    expect(only(soon, 'smtp.tls').what).to.match(/ends in [567] days/);
  });

  it('says what is wrong with the way to a mail server', async () => {
    expect(only(await smtp(await secure(EXPIRED)), 'smtp.tls').what).to.match(
      /cannot be trusted \(expired\)/,
    );
    const plain = await secure(GOOD, { disabledCommands: ['STARTTLS'] });
    expect(only(await smtp(plain), 'smtp.tls').what).to.match(/offers no STARTTLS/);
    expect(only(await smtp(1), 'smtp.connect')).to.include({ level: 'fail' });
  });

  it('asks the interface of a provider whether it takes the key', async () => {
    const asked = async (settings: object, status: number, json: object) => {
      provider.answer({ status, json });
      const patient = patientOf({ settings: [{ base_url: provider.url, ...settings }] });
      const { level, what } = only(await examine(patient, instruments), 'api.auth');
      return `${level} ${what}`;
    };
    const resend = { type: 'resend', api_key: 'k' };
    expect(await asked(resend, 200, { data: [] })).to.match(/^ok/);
    expect(await asked(resend, 401, { name: 'restricted_api_key' })).to.match(/^ok .*nothing else/);
    expect(await asked(resend, 403, { name: 'invalid_api_key' })).to.match(/^fail .*refuses/);
    const sendgrid = { type: 'sendgrid', api_key: 'k' };
    expect(await asked(sendgrid, 200, { scopes: ['mail.send'] })).to.match(/^ok/);
    expect(await asked(sendgrid, 200, { scopes: ['stats.read'] })).to.match(/^fail .*may not send/);
    expect(await asked({ type: 'postmark', server_token: 't' }, 401, { ErrorCode: 10 })).to.match(/^fail/);
    expect(await asked({ type: 'brevo', api_key: 'k' }, 200, { email: 'x' })).to.match(/^ok/);
    expect(await asked({ type: 'mailgun', domain: 'mg.x.example', api_key: 'k' }, 401, {})).to.match(/^warn/);
    const ses = { type: 'ses', region: 'eu-central-1', access_key_id: 'a', secret_access_key: 's' };
    expect(await asked(ses, 200, { SendingEnabled: true, ProductionAccessEnabled: true })).to.match(/^ok/);
    expect(await asked(ses, 200, { SendingEnabled: true, ProductionAccessEnabled: false })).to.match(
      /^fail .*sandbox/,
    );
    expect(
      await asked(ses, 403, { message: 'User: x is not authorized to perform: ses:GetAccount' }),
    ).to.match(/^ok/);
    expect(
      await asked(ses, 403, { message: 'The security token included in the request is invalid.' }),
    ).to.match(/^fail/);
    expect(provider.calls.every(({ method }) => method === 'GET')).to.equal(true);
  });

  it('compares the clock, the sender with the issuer, and names what tracks', async () => {
    provider.answer({ status: 200, json: { data: [] } });
    const settings = [{ type: 'resend', api_key: 'k', base_url: provider.url }];
    const fine = await examine(patientOf({ settings }), instruments);
    expect(only(fine, 'clock')).to.include({ level: 'ok' });
    expect(only(fine, 'sender.host')).to.include({ level: 'ok' });
    expect(only(fine, 'tracking')).to.include({ level: 'warn' });
    instruments.clock.move(5 * 60_000);
    const wrong = await examine(patientOf({ settings, issuer: 'https://auth.other.test' }), instruments);
    expect(only(wrong, 'clock').what).to.match(/(299|300|301) seconds ahead/);
    expect(only(wrong, 'sender.host')).to.include({ level: 'warn' });
  });

  describe('at the command line', () => {
    let harness: Harness;
    let receiver: FakeProvider;
    const SECRET = Buffer.alloc(32, 9);
    beforeEach(async () => {
      receiver = await startFakeProvider();
      opened.push(receiver);
      harness = await startPostern({ secrets: [SECRET] });
      opened.push(harness);
      receiver.answer({ status: 200, json: { id: 'receiver-1' } });
      dns.set({ 'shop.example': { mx: [[10, 'mx.shop.example']] } });
    });
    const apps = (): Record<string, object> => ({
      shop: {
        ...APPS.shop,
        mail: {
          from: 'Shop <no-reply@shop.example>',
          transports: [
            { type: 'http', url: receiver.url, secret: `whsec_${Buffer.alloc(32, 5).toString('base64')}` },
          ],
        },
      },
      studio: APPS.studio,
    });

    it('examines one app or all, for people and as JSON, and its exit code says whether all is well', async () => {
      const run = operator(harness, apps(), SECRET);
      const one = await run(`doctor shop --dns ${dns.server}`);
      expect(one.err).to.deep.equal([]);
      expect(one.code, one.out.join('\n')).to.equal(EXIT.ok);
      expect(one.out[0]).to.match(/^shop: 0 wrong, \d+ doubtful, \d+ in order$/);
      expect(one.out.join('\n')).to.match(/ok {4}link\.host: http:\/\/localhost:\d+\/shop answers as itself/);
      expect(one.out.join('\n')).to.match(
        /WARN {2}dmarc: .*\n +why: .*\n +mend: add to DNS: _dmarc\.shop\.example/,
      );
      const json = await run(`doctor --json --dns ${dns.server}`);
      const reports = JSON.parse(json.out.join('\n'));
      expect(reports.map(({ app }: { app: string }) => app)).to.deep.equal(['shop', 'studio']);
      expect(json.out.join('\n')).to.not.include('whsec_');
      expect((await run('doctor nobody')).code).to.equal(EXIT.usage);
      expect((await run('doctor --dns rubbish')).code).to.equal(EXIT.usage);
      expect((await run('doctor --send-to a@x.com,b@y.com')).code).to.equal(EXIT.usage);
      expect(receiver.calls.filter(({ method }) => method === 'POST')).to.have.length(0);
    });

    it('sends a test mail where it is told to, measures it, and fails where it is refused', async () => {
      const run = operator(harness, apps(), SECRET);
      const sent = await run(`doctor shop --send-to a@example.org --dns ${dns.server}`);
      expect(sent.code, sent.out.join('\n')).to.equal(EXIT.ok);
      expect(sent.out.join('\n')).to.match(
        /test-mail: http accepted a test mail after \d+ ms, as receiver-1/,
      );
      const [mail] = receiver.calls.filter(({ method }) => method === 'POST');
      expect(mail?.json.data).to.deep.include({ to: 'a@example.org' });
      expect(mail?.text).to.include(`${harness.url}/shop/link/sample0`);
      expect(sent.out.join('\n')).to.include(`still begin with ${harness.url}/shop/link/`);
      expect(sent.out.join('\n')).to.match(/ok {4}mails: all \d+ kinds of mail look as they should/);
      receiver.answer({ status: 422, json: { scope: 'recipient' } });
      const refused = await run(`doctor shop --send-to a@example.org --dns ${dns.server}`);
      expect(refused.code).to.equal(EXIT.failed);
      expect(refused.out.join('\n')).to.match(/FAIL {2}test-mail: http did not take a test mail: HTTP 422/);
    });
  });
});
