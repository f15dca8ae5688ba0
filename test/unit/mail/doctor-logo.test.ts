/** What the doctor says of the logo of the mails: who is asked for it, and whether it is there. */
import { expect } from 'chai';
import { asAppId } from '../../../src/core/ids.ts';
import { examineLogo } from '../../../src/mail/doctor/logo.ts';
import type { Patient } from '../../../src/mail/doctor/patient.ts';
import type { ProviderAnswer, ProviderFetch } from '../../../src/outbound/provider-fetch.ts';

const patientWith = (url: string | undefined): Patient => ({
  app: {
    id: asAppId('shop'),
    name: 'Shop',
    accent: '#4f46e5',
    from: { name: 'Shop', address: 'no-reply@shop.example' },
    logo: url === undefined ? undefined : { url, width: 120, height: 40, alt: 'Shop' },
  },
  issuer: 'https://id.login.example',
  production: true,
  transports: [],
  dkim: undefined,
});

const image = (status: number, type?: string): ProviderAnswer => ({
  isAnswer: true,
  status,
  headers: type === undefined ? {} : { 'content-type': type },
  body: '',
});

async function saidOf(url: string | undefined, answer: ProviderAnswer): Promise<string[]> {
  const asked: string[] = [];
  const fetch: ProviderFetch = Object.assign(
    async (request: { readonly url: string }) => {
      asked.push(request.url);
      return answer;
    },
    { close: () => undefined },
  );
  const findings = await examineLogo(patientWith(url), { fetch });
  expect(asked).to.deep.equal(url === undefined ? [] : [url]);
  return findings.map(({ level, check }) => `${level} ${check}`);
}

describe('the doctor and the logo', () => {
  it('says nothing and asks nobody when there is none', async () => {
    expect(await saidOf(undefined, image(200, 'image/png'))).to.deep.equal([]);
  });

  for (const host of ['shop.example', 'images.shop.example', 'cdn.login.example']) {
    it(`is content with an image at ${host}, of the sender or of the issuer`, async () => {
      expect(await saidOf(`https://${host}/logo.png`, image(200, 'image/png'))).to.deep.equal([
        'ok logo.host',
        'ok logo.image',
      ]);
    });
  }

  it('ML-05 warns when somebody else would see who opens a mail', async () => {
    for (const host of ['images.example', 'shop.example.evil.example', 'notshop.example']) {
      expect(await saidOf(`https://${host}/logo.png`, image(200, 'image/webp'))).to.deep.equal([
        'warn logo.host',
        'ok logo.image',
      ]);
    }
  });

  for (const [what, answer] of [
    ['is not there', image(404, 'image/png')],
    ['is somewhere else', image(302, 'image/png')],
    ['is a page', image(200, 'text/html')],
    ['is an SVG', image(200, 'image/svg+xml')],
    ['has no type', image(200)],
    ['cannot be loaded', { isAnswer: false, reason: 'certificate refused' }],
  ] as const) {
    it(`warns when it ${what}`, async () => {
      expect(await saidOf('https://shop.example/logo.png', answer)).to.deep.equal([
        'ok logo.host',
        'warn logo.image',
      ]);
    });
  }
});
