/** The mail out of the request that a provider got, by the fields of each. */
import { simpleParser } from 'mailparser';
import type { ProviderCall } from '../../support/fake-provider.ts';

export interface Parts {
  readonly from: string;
  readonly name: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string | undefined;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The mail out of a request, by the fields of each provider. */
export async function partsOf(provider: string, call: ProviderCall | undefined): Promise<Parts> {
  if (!call) throw new Error('no request');
  const mime = mimeIn(provider, call);
  if (mime) return partsOfMime(mime);
  const { json } = call;
  const lower = (entries: [string, unknown][]) =>
    Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]));
  const shapes: Record<string, () => Parts> = {
    postmark: () => {
      const headers = lower(
        (json.Headers as { Name: string; Value: string }[]).map(({ Name, Value }) => [Name, Value]),
      );
      return {
        ...sender(json.From),
        to: String(json.To),
        subject: String(json.Subject),
        text: String(json.TextBody),
        html: String(json.HtmlBody),
        messageId: headers['message-id'],
        headers,
      };
    },
    sendgrid: () => {
      const [text, html] = json.content as { value: string }[];
      const headers = lower(Object.entries(json.headers as object));
      const from = json.from as { email: string; name: string };
      const [{ to }] = json.personalizations as [{ to: { email: string }[] }];
      return {
        from: from.email,
        name: from.name,
        to: to.map(({ email }) => email).join(),
        subject: String(json.subject),
        text: text?.value ?? '',
        html: html?.value ?? '',
        messageId: headers['message-id'],
        headers,
      };
    },
    resend: () => {
      const headers = lower(Object.entries(json.headers as object));
      return {
        ...sender(json.from),
        to: String(json.to),
        subject: String(json.subject),
        text: String(json.text),
        html: String(json.html),
        messageId: headers['message-id'],
        headers,
      };
    },
    brevo: () => {
      const from = json.sender as { email: string; name: string };
      const headers = lower(Object.entries(json.headers as object));
      return {
        from: from.email,
        name: from.name,
        to: (json.to as { email: string }[]).map(({ email }) => email).join(),
        subject: String(json.subject),
        text: String(json.textContent),
        html: String(json.htmlContent),
        messageId: undefined,
        headers,
      };
    },
  };
  const shape = shapes[provider];
  if (!shape) throw new Error(`no reader for ${provider}`);
  return shape();
}

function sender(written: unknown): { from: string; name: string } {
  const [, name = '', from = ''] = /^"([^"]*)" <([^<>]*)>$/.exec(String(written)) ?? [];
  return { name, from };
}

export function mimeIn(provider: string, call: ProviderCall): Buffer | undefined {
  if (provider === 'ses') {
    const { Raw } = call.json.Content as { Raw: { Data: string } };
    return Buffer.from(Raw.Data, 'base64');
  }
  if (provider !== 'mailgun') return undefined;
  const start =
    call.body.indexOf('Content-Type: message/rfc822\r\n\r\n') + 'Content-Type: message/rfc822\r\n\r\n'.length;
  return call.body.subarray(start, call.body.lastIndexOf('\r\n--postern-'));
}

async function partsOfMime(mime: Buffer): Promise<Parts> {
  const parsed = await simpleParser(mime);
  const from = parsed.from?.value[0];
  const to = Array.isArray(parsed.to) ? undefined : parsed.to;
  const headers = Object.fromEntries([...parsed.headers].map(([name, value]) => [name, String(value)]));
  return {
    from: from?.address ?? '',
    name: from?.name ?? '',
    to: to?.value.map(({ address }) => address).join() ?? '',
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: String(parsed.html),
    messageId: parsed.messageId,
    headers: { ...headers, date: parsed.date?.toISOString() ?? '' },
  };
}

/** `off`, or what is not. */
export async function trackingOf(provider: string, call: ProviderCall | undefined): Promise<string> {
  if (!call) return 'no request';
  const { json, text } = call;
  switch (provider) {
    case 'postmark': {
      const isOff = json.TrackLinks === 'None' && json.TrackOpens === false;
      return isOff && !/X-Mailgun|SMTPAPI/.test(text) ? 'off' : 'on';
    }
    case 'sendgrid': {
      const settings = json.tracking_settings as Record<string, { enable: boolean; enable_text?: boolean }>;
      const all = ['click_tracking', 'open_tracking', 'subscription_tracking', 'ganalytics'];
      const isOff = all.every((name) => settings[name]?.enable === false);
      return isOff && settings.click_tracking?.enable_text === false && !/X-PM|X-Mailgun/.test(text)
        ? 'off'
        : 'on';
    }
    case 'mailgun': {
      const fields = ['o:tracking', 'o:tracking-clicks', 'o:tracking-opens'];
      return fields.every((name) => text.includes(`name="${name}"\r\n\r\nno\r\n`)) ? 'off' : 'on';
    }
    case 'ses': {
      const html = String((await simpleParser(mimeIn('ses', call) ?? '')).html);
      const links = [...html.matchAll(/<a\b[^>]*\bhref=[^>]*>/g)];
      return links.length > 0 && links.every(([link]) => link.includes('ses:no-track')) ? 'off' : 'on';
    }
    default:
      // A setting of the account or the domain there (docs/guide/mail.md); nothing in a request switches it on.
      return Object.keys(json).some((key) => /track/i.test(key)) ? 'on' : 'off';
  }
}
