import { expect } from 'chai';
import { readReport } from '../../src/mail/feedback/dsn.ts';
import { kindOfFailure, tellingStatus } from '../../src/mail/feedback/status-code.ts';
import {
  exchange,
  exim,
  eximReport,
  feedbackReport,
  gmail,
  outOfOffice,
  postfix,
  qmail,
  type Reported,
  receipt,
} from '../support/mail-reports.ts';

const REPORTED: Reported = {
  recipient: 'ann+shop@example.org',
  messageId: '<tWc3u0Zl_-9@shop.example>',
  sentTo: 'bounces+0123@shop.example',
};

async function read(raw: string) {
  const report = await readReport(Buffer.from(raw));
  const event = report?.events.find(({ recipient }) => recipient === REPORTED.recipient);
  return event && { kind: event.kind, messageId: event.messageId, reason: event.reason };
}

describe('reports that come as mail', () => {
  const { messageId } = REPORTED;
  const shapes: readonly (readonly [string, (reported: Reported) => string, string])[] = [
    ['Postfix', postfix, '5.1.1 550'],
    ['Exchange', exchange, '5.1.10 550'],
    ['Gmail', gmail, '5.1.1 550'],
    ['Exim', eximReport, '5.1.1 550'],
    ['Exim before 4.85', exim, '5.1.1'],
    ['qmail', qmail, '5.1.1'],
  ];

  for (const [name, shape, reason] of shapes) {
    it(`${name}: no such mailbox`, async () => {
      expect(await read(shape(REPORTED))).deep.equal({ kind: 'hard_bounce', messageId, reason });
    });

    it(`${name}: also with bare line ends and behind a line of the pipe`, async () => {
      const raw = `From MAILER-DAEMON Tue Nov 24 10:00:05 2026\n${shape(REPORTED).replaceAll('\r\n', '\n')}`;
      expect(await read(raw)).deep.equal({ kind: 'hard_bounce', messageId, reason });
    });
  }

  it('are sent to the return path of the mail', async () => {
    for (const [name, shape] of shapes) {
      const report = await readReport(Buffer.from(shape(REPORTED)));
      expect(report?.sentTo, name).include('bounces+0123@shop.example');
    }
  });

  it('the actions of RFC 3464 are told apart', async () => {
    const kindOf = async (action: string, status: string) =>
      (await read(postfix({ ...REPORTED, action, status, diagnostic: 'smtp; 250 as it is' })))?.kind;
    expect(await kindOf('delayed', '4.4.1')).equal('deferred');
    expect(await kindOf('delivered', '2.0.0')).equal('delivered');
    expect(await kindOf('relayed', '2.0.0')).equal(undefined);
    expect(await kindOf('expanded', '2.0.0')).equal(undefined);
    expect(await kindOf('Failed (permanently)', '5.1.1 (bad address)')).equal('hard_bounce');
    expect(await kindOf('exploded', '5.1.1')).equal(undefined);
  });

  it('a mailbox that is full is not gone, and a mail that is unwanted says nothing of the mailbox', async () => {
    const kindOf = async (status: string, diagnostic?: string) =>
      (await read(postfix({ ...REPORTED, status, ...(diagnostic ? { diagnostic } : {}) })))?.kind;
    expect(await kindOf('5.2.2')).equal('soft_bounce');
    expect(await kindOf('4.4.7')).equal('soft_bounce');
    expect(await kindOf('5.7.1')).equal('rejected');
    expect(await kindOf('5.7.26')).equal('rejected');
    expect(await kindOf('5.6.0')).equal('rejected');
    expect(await kindOf('5.0.0', 'smtp; 550 5.2.1 disabled')).equal('hard_bounce');
    expect(await kindOf('5.0.0', 'smtp; 554 no words')).equal('soft_bounce');
    expect(await kindOf('5.0.0', 'smtp; 550 mailbox at 192.5.1.1 says no')).equal('soft_bounce');
    expect(await read(qmail({ ...REPORTED, diagnostic: 'User disk quota exceeded. (#4.3.0)' }))).include({
      kind: 'soft_bounce',
    });
    expect(await read(exim({ ...REPORTED, diagnostic: '554 5.7.1 Access denied' }))).include({
      kind: 'rejected',
    });
  });

  it('a complaint (RFC 5965) is one, other feedback is not', async () => {
    expect(await read(feedbackReport(REPORTED))).deep.equal({
      kind: 'complained',
      messageId,
      reason: 'abuse',
    });
    expect(await read(feedbackReport(REPORTED, 'not-spam'))).equal(undefined);
    const hidden = feedbackReport(REPORTED).replace(/^Original-Rcpt-To.*\r\n/m, '');
    expect(await read(hidden), 'by the To of the mail').include({ kind: 'complained' });
  });

  it('an out-of-office, a receipt, a letter and noise are no reports', async () => {
    for (const raw of [
      outOfOffice(REPORTED),
      receipt(REPORTED),
      'Subject: hi\r\n\r\nhello',
      '',
      '\0\0\0',
      'x'.repeat(1e5),
    ])
      expect(await readReport(Buffer.from(raw))).equal(undefined);
  });

  it('xtext of RFC 3461 is undone beside the address as it stands', async () => {
    const raw = postfix(REPORTED).replaceAll('rfc822;ann+shop@', 'rfc822;ann+2Bshop@');
    expect(await read(raw.replace(/^Final-Recipient.*\r\n/m, ''))).include({ kind: 'hard_bounce' });
  });

  it('hostile ones cost nothing: nested, endless, many recipients, broken MIME', async () => {
    const nested = (depth: number): string =>
      depth === 0
        ? postfix(REPORTED)
        : `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n${nested(depth - 1)}\r\n--b${depth}--`;
    expect(await readReport(Buffer.from(nested(60)))).equal(undefined);
    const field = `Final-Recipient: rfc822; ${'a'.repeat(200_000)}@x.example\r\n`;
    await readReport(Buffer.from(postfix(REPORTED).replace('Final-Recipient', `${field}X-Was`)));
    const group = 'Final-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n';
    const many = postfix(REPORTED).replace('Final-Recipient', `${group.repeat(5000)}Final-Recipient`);
    expect((await readReport(Buffer.from(many)))?.events.length).most(60);
    expect(await readReport(Buffer.from(postfix(REPORTED).slice(0, 900)))).equal(undefined);
    const polluted = postfix(REPORTED).replace(
      'Status: 5.1.1',
      '__proto__: x\r\nconstructor: y\r\nStatus: 5.1.1',
    );
    expect(await read(polluted)).include({ kind: 'hard_bounce' });
  });

  it('statuses', () => {
    expect(tellingStatus('5.0.0', 'smtp; 550 5.1.1 unknown')).equal('5.1.1');
    expect(tellingStatus('5.1.1', 'smtp; 550 5.7.1 unknown')).equal('5.1.1');
    expect(tellingStatus('5.0.0', 'smtp; 421 4.7.0 later')).equal('5.0.0');
    expect(tellingStatus(undefined, 'nothing')).equal(undefined);
    expect(kindOfFailure('5.4.1', 'Recipient address rejected: Access denied')).equal('hard_bounce');
    expect(kindOfFailure('5.4.1')).equal('soft_bounce');
    expect(kindOfFailure(undefined)).equal('soft_bounce');
  });
});
