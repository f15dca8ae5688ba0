/** The logo of the mails (ADR 0040): whether mail programs get it, and who learns that they asked. */
import { getDomain } from 'tldts';
import { type Finding, ok, warn } from './finding.ts';
import { domainOf, type Instruments, type Patient } from './patient.ts';

/** Mail programs fetch it without cookies and from anywhere, as is done here. Nothing when there is none. */
export async function examineLogo(
  { app, issuer }: Patient,
  instruments: Pick<Instruments, 'fetch'>,
): Promise<Finding[]> {
  if (!app.logo) return [];
  const { url } = app.logo;
  const { hostname } = new URL(url);
  const own = [domainOf(app.from.address), new URL(issuer).hostname].map(siteOf);
  return [
    own.includes(siteOf(hostname))
      ? ok('logo.host', `${hostname} is asked by whoever opens a mail, and is a host of this site`)
      : warn(
          'logo.host',
          `the logo is loaded from ${hostname}, which belongs neither to the sender nor to the issuer`,
          'whoever runs that host sees who opens a mail, and from where (ML-05)',
          `put it on a host of ${own[0] ?? hostname} (brand.mail_logo.url), or leave it out`,
        ),
    await imageFinding(url, instruments),
  ];
}

const siteOf = (host: string): string => getDomain(host) ?? host;

async function imageFinding(url: string, instruments: Pick<Instruments, 'fetch'>): Promise<Finding> {
  const answer = await instruments.fetch({ method: 'GET', url, headers: { Accept: 'image/*' } });
  const why = 'every mail shows the text in its place';
  if (!answer.isAnswer) {
    const mend = 'put an image of less than 256 KB there, with a valid certificate';
    return warn('logo.image', `the logo ${url} cannot be loaded (${answer.reason})`, why, mend);
  }
  const type = String(answer.headers['content-type'] ?? 'no type');
  if (answer.status === 200 && /^image\/(?:png|jpeg|gif|webp)\b/i.test(type)) {
    return ok('logo.image', `the logo ${url} is there, as ${type}`);
  }
  const mend = 'let it answer 200 with an image, to everybody and without a redirect';
  return warn('logo.image', `the logo ${url} answers ${answer.status}, ${type}`, why, mend);
}
