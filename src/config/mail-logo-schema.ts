/**
 * The logo of the mails. Its URL is the same in every mail of the app: nothing in it may tell one mail or person from another
 * (ML-05), so it has no query and no fragment, and no template writes into it.
 */
import { z } from 'zod';
import { domain, text } from './fields.ts';

const MAX_URL = 200;
/** Characters that need no escaping in HTML and that nothing replaces: braces, `@` and `%` are not among them. */
const PLAIN = /^https:\/\/[a-z0-9.-]+\/[A-Za-z0-9\-._~/]+$/;
const IMAGE = /\.(?:png|jpe?g|gif|webp)$/i;

function urlFault(written: string): string | undefined {
  const url = URL.parse(written);
  if (url?.protocol !== 'https:') return 'must be an https:// URL';
  if (/[?#]/.test(written))
    return 'no ? and no #: the address of the logo is the same in every mail, and counts nobody';
  if (!PLAIN.test(written) || url.href !== written || !domain.safeParse(url.hostname).success) {
    return 'must be https://, a host name and a path of letters, digits and - . _ ~ /, without port or credentials';
  }
  if (!IMAGE.test(written)) return 'must end in .png, .jpg, .jpeg, .gif or .webp: Gmail shows no SVG';
  return undefined;
}

const url = z
  .string()
  .max(MAX_URL)
  .superRefine((written, context) => {
    const message = urlFault(written);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const pixels = (min: number, max: number, fallback: number) =>
  z.number().int().min(min).max(max).default(fallback);

export const mailLogo = z
  .strictObject({
    url: url.describe(
      'On a host of your own, `https://…/logo.png`: .png, .jpg, .gif or .webp, without `?` and `#`. PNG is shown everywhere; Outlook for Windows shows no WebP.',
    ),
    width: pixels(16, 240, 120).describe(
      'As it is drawn, in pixels; the image itself had best be twice as wide.',
    ),
    height: pixels(16, 120, 40).describe('As it is drawn, in pixels, in the proportion of the image.'),
    alt: text(100).optional().describe('What is read where images are off. Default: the name of the app.'),
  })
  .describe(
    'Logo at the top of the built-in mails. Off by default, because whoever runs its host sees who opens a mail, and from where.',
  );
