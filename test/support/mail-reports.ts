/**
 * Reports on mails as the mail servers of the world write them. The shapes follow published samples, named beside each; names,
 * addresses and words are our own.
 */
export interface Reported {
  readonly recipient: string;
  /** With angle brackets. */
  readonly messageId: string;
  /** Where the report is sent: the envelope sender of the mail. */
  readonly sentTo: string;
  readonly status?: string;
  readonly action?: string;
  readonly diagnostic?: string;
}

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

const original = ({ recipient, messageId, sentTo }: Reported): string =>
  `Return-Path: <${sentTo}>
Received: by mail.shop.example (Postfix, from userid 22)
\tid D7AB28CED6D2; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)
Message-ID: ${messageId}
From: Shop <no-reply@shop.example>
To: ${recipient}
Subject: Sign in to Shop
Date: Tue, 24 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Nothing to see here.
`;

const headOf = (reported: Reported): string => `${original(reported).split('\n\n')[0]}\n`;

/** https://github.com/sisimai/rb-sisimai/blob/master/set-of-emails/maildir/bsd/email-postfix-02.eml and RFC 3464 appendix E */
export function postfix(reported: Reported): string {
  const { recipient, sentTo, status = '5.1.1', action = 'failed' } = reported;
  const { diagnostic = `smtp; 550 ${status} <${recipient}>: Recipient address rejected` } = reported;
  return crlf(`Return-Path: <>
Delivered-To: ${sentTo}
Received: by mx.example.net (Postfix)
\tid 4F4A61A0; Tue, 24 Nov 2026 10:00:05 +0000 (UTC)
Date: Tue, 24 Nov 2026 10:00:05 +0000 (UTC)
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: ${sentTo}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F4A61A0.1385978405/mx.example.net"
Message-Id: <20261124100005.5EC4A1A1@mx.example.net>

This is a MIME-encapsulated message.

--4F4A61A0.1385978405/mx.example.net
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.net.

<${recipient}>: host mx1.example.org[192.0.2.1] said it cannot be delivered

--4F4A61A0.1385978405/mx.example.net
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: 4F4A61A0
X-Postfix-Sender: rfc822; ${sentTo}
Arrival-Date: Tue, 24 Nov 2026 10:00:00 +0000 (UTC)

Final-Recipient: rfc822; ${recipient}
Original-Recipient: rfc822;${recipient}
Action: ${action}
Status: ${status}
Remote-MTA: dns; mx1.example.org
Diagnostic-Code: ${diagnostic}

--4F4A61A0.1385978405/mx.example.net
Content-Description: Undelivered Message
Content-Type: message/rfc822

${original(reported)}
--4F4A61A0.1385978405/mx.example.net--
`);
}

/** …/email-exchange2007-04.eml: fields without a blank behind the type, an original recipient, headers in their own part. */
export function exchange(reported: Reported): string {
  const { recipient, sentTo, status = '5.1.10', action = 'failed' } = reported;
  const {
    diagnostic = `smtp;550 ${status} RESOLVER.ADR.RecipientNotFound; Recipient ${recipient} not found`,
  } = reported;
  return crlf(`Return-Path: <>
MIME-Version: 1.0
From: <postmaster@example.org>
To: <${sentTo}>
Date: Tue, 24 Nov 2026 10:00:07 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="2f7a3728-b6eb-c93a-5e13-1cd42682787f"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: de-DE
Message-ID: <c86b0a14-46ef-4afe-41fb-e16f14a13492@example.org>
In-Reply-To: ${reported.messageId}
Subject: =?utf-8?B?VW56dXN0ZWxsYmFyOiBBbm1lbGR1bmc=?=

--2f7a3728-b6eb-c93a-5e13-1cd42682787f
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="2b5a6b30-cc46-bbac-ddee-09ed77168c67"

--2b5a6b30-cc46-bbac-ddee-09ed77168c67
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Fehler bei der Nachrichtenzustellung an folgende Empf=C3=A4nger oder Gruppe=
n:

--2b5a6b30-cc46-bbac-ddee-09ed77168c67
Content-Type: text/html; charset="utf-8"

<html><body>Fehler</body></html>
--2b5a6b30-cc46-bbac-ddee-09ed77168c67--

--2f7a3728-b6eb-c93a-5e13-1cd42682787f
Content-Type: message/delivery-status

Reporting-MTA: dns;EX01.example.org
Received-From-MTA: dns;mail.shop.example
Arrival-Date: Tue, 24 Nov 2026 10:00:05 +0000

Original-Recipient: rfc822;${recipient}
Final-Recipient: rfc822;mailbox-17@internal.example.org
Action: ${action}
Status: ${status}
Diagnostic-Code: ${diagnostic}
X-Display-Name: somebody

--2f7a3728-b6eb-c93a-5e13-1cd42682787f
Content-Type: text/rfc822-headers

${headOf(reported)}
--2f7a3728-b6eb-c93a-5e13-1cd42682787f--
`);
}

/** …/email-gsuite-01.eml: a picture in the notice, the status vague, the cause written "#5.1.1" in the answer. */
export function gmail(reported: Reported): string {
  const { recipient, sentTo, status = '5.0.0', action = 'failed' } = reported;
  const { diagnostic = 'smtp; 550 #5.1.1 Address rejected.' } = reported;
  return crlf(`Return-Path: <>
Received: by 10.99.122.22 with SMTP id v22; Tue, 24 Nov 2026 10:00:05 -0800 (PST)
Content-Type: multipart/report; boundary=ffff00000000000000ffff; report-type=delivery-status
To: ${sentTo}
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
Auto-Submitted: auto-replied
X-Failed-Recipients: ${recipient}
Subject: Delivery Status Notification (Failure)
References: ${reported.messageId}
In-Reply-To: ${reported.messageId}
Message-ID: <ee002222.2200eeaa.2002f.e222@mx.google.com>
Date: Tue, 24 Nov 2026 10:00:05 -0800 (PST)

--ffff00000000000000ffff
Content-Type: multipart/related; boundary=ee00ff00002222eeffccdd

--ee00ff00002222eeffccdd
Content-Type: multipart/alternative; boundary=aa00220022222222ffeebb

--aa00220022222222ffeebb
Content-Type: text/plain; charset=UTF-8


** Address not found **

--aa00220022222222ffeebb
Content-Type: text/html; charset=UTF-8

<html><body>Address not found</body></html>
--aa00220022222222ffeebb--
--ee00ff00002222eeffccdd
Content-Type: image/png; name="icon.png"
Content-Disposition: attachment; filename="icon.png"
Content-Transfer-Encoding: base64
Content-ID: <icon.png>

iVBORw0KGgo=
--ee00ff00002222eeffccdd--
--ffff00000000000000ffff
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Arrival-Date: Tue, 24 Nov 2026 10:00:05 -0800 (PST)
X-Original-Message-ID: ${reported.messageId}

Final-Recipient: rfc822; ${recipient}
Action: ${action}
Status: ${status}
Remote-MTA: dns; mx1.example.org. (192.0.2.1, the server for the domain.)
Diagnostic-Code: ${diagnostic}
Last-Attempt-Date: Tue, 24 Nov 2026 10:00:05 -0800 (PST)

--ffff00000000000000ffff
Content-Type: message/rfc822

${original(reported)}
--ffff00000000000000ffff--
`);
}

/** …/email-exim-30.eml: plain text, the recipient in a header, the copy behind a line of dashes. */
export function exim({ diagnostic = '550 5.1.1 User unknown', ...reported }: Reported): string {
  const { recipient, sentTo } = reported;
  return crlf(`Received: from Debian-exim by mx.example.net with local (Exim 4.80)
\tid 1d18ZP-0000cF-9f
\tfor ${sentTo}; Tue, 24 Nov 2026 10:00:11 +0000
X-Failed-Recipients: ${recipient}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.example.net>
To: ${sentTo}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1d18ZP-0000cF-9f@mx.example.net>
Date: Tue, 24 Nov 2026 10:00:11 +0000

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ${recipient}
    SMTP error from remote mail server after RCPT TO:<${recipient}>:
    host mx1.example.org [192.0.2.1]: ${diagnostic}

------ This is a copy of the message, including all the headers. ------

${original(reported)}`);
}

/** Exim since 4.85 (RFC 3464): https://www.exim.org/exim-html-current/doc/html/spec_html/ch-bounce.html */
export function eximReport(reported: Reported): string {
  const { diagnostic = `smtp; 550 5.1.1 <${reported.recipient}> User unknown` } = reported;
  return postfix({ ...reported, status: '5.0.0', diagnostic }).replace(
    /^Auto-Submitted/m,
    `X-Failed-Recipients: ${reported.recipient}\r\nAuto-Submitted`,
  );
}

/** https://cr.yp.to/proto/qsbmf.txt */
export function qmail({
  diagnostic = 'Sorry, no mailbox here by that name. (#5.1.1)',
  ...reported
}: Reported): string {
  const { recipient, sentTo } = reported;
  return crlf(`Return-Path: <>
Received: (qmail 12122 invoked for bounce); 24 Nov 2026 10:00:03 -0000
Date: 24 Nov 2026 10:00:03 -0000
From: MAILER-DAEMON@mx.example.net
To: ${sentTo}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<${recipient}>:
${diagnostic}

--- Below this line is a copy of the message.

${original(reported)}`);
}

/** RFC 5965 §B.1; …/arf-25.eml */
export function feedbackReport(reported: Reported, type = 'abuse'): string {
  const { recipient, sentTo } = reported;
  return crlf(`From: <abusedesk@example.com>
Date: Tue, 24 Nov 2026 17:40:36 +0000
Subject: FW: Sign in to Shop
To: <${sentTo}>
Message-ID: <20261124.fbl@example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: ${type}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <${sentTo}>
Original-Rcpt-To: <${recipient}>
Arrival-Date: Tue, 24 Nov 2026 14:00:00 -0400
Source-IP: 192.0.2.2

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

${original(reported)}
--part1_13d.2e68ed54_boundary--
`);
}

/** RFC 3834: an answer of a mailbox whose owner is away. */
export const outOfOffice = ({ recipient, sentTo, messageId }: Reported): string =>
  crlf(`Return-Path: <>
From: ${recipient}
To: ${sentTo}
Subject: Auto: Sign in to Shop
Auto-Submitted: auto-replied (vacation)
In-Reply-To: ${messageId}
References: ${messageId}
Date: Tue, 24 Nov 2026 10:00:02 +0000
Content-Type: text/plain; charset=utf-8

I am away until Monday. 550 5.1.1 is what you will not get from me.

On Tue, 24 Nov 2026, Shop wrote:
> Message-ID: ${messageId}
> To: ${recipient}
`);

/** RFC 8098: a receipt. */
export const receipt = ({ recipient, sentTo, messageId }: Reported): string =>
  crlf(`From: ${recipient}
To: ${sentTo}
Subject: Disposition notification
Date: Tue, 24 Nov 2026 10:00:02 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="RAA14128"

--RAA14128
Content-Type: text/plain

The mail was displayed.

--RAA14128
Content-Type: message/disposition-notification

Reporting-UA: ua.example.org; Foomail 97.1
Original-Recipient: rfc822;${recipient}
Final-Recipient: rfc822;${recipient}
Original-Message-ID: ${messageId}
Disposition: manual-action/MDN-sent-manually; displayed

--RAA14128--
`);
