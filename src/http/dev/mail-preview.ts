/**
 * Every kind of mail of every app as it would be sent, for whoever writes templates. Development only; the mails are made
 * from samples, with dead links.
 *
 *   GET {prefix}                     the kinds         GET {prefix}/{app}/{kind}         ?lang=  one mail
 *                                                      GET {prefix}/{app}/{kind}/html    ?lang=  its HTML part
 */
import Router, { type RouterContext } from '@koa/router';
import type { App, Apps } from '../../apps/apps.ts';
import type { Clock } from '../../core/clock.ts';
import type { ComposeMail } from '../../mail/composer.ts';
import { MAIL_KINDS, type MailKind, mailKind } from '../../mail/kinds.ts';
import { lintMail } from '../../mail/lint.ts';
import { sampleDraft } from '../../mail/sample.ts';
import { mailTexts } from '../../mail/texts.ts';
import type { OutgoingMail } from '../../mail/transport.ts';
import { nonceOf, noStore, showHtmlPart, showPage } from './inbox.ts';
import { drawn, inboxAsset, page } from './inbox-view.ts';

const PREFIX = '/dev/mail';

export interface MailPreviewOptions {
  readonly apps: Apps;
  readonly clock: Clock;
  readonly compose: ComposeMail;
}

export function createMailPreviewRouter({ apps, clock, compose }: MailPreviewOptions): Router {
  const router = new Router({ prefix: PREFIX });

  const named = (ctx: RouterContext): { readonly app: App; readonly kind: MailKind } | undefined => {
    const app = apps.bySlug(ctx.params.app ?? '');
    const kind = mailKind(ctx.params.kind ?? '');
    return app && kind && { app, kind };
  };
  const made = (ctx: RouterContext, app: App, kind: MailKind): Promise<OutgoingMail> => {
    const draft = sampleDraft(kind, app, {
      to: 'preview@example.org',
      locales: languageOf(ctx),
      messageId: '<preview@localhost>',
      now: clock.now(),
    });
    return compose(kind, draft);
  };

  router.use(noStore);
  router.get('/style.css', (ctx) => {
    ctx.type = 'text/css';
    ctx.body = inboxAsset('style.css');
  });
  router.get('/inbox.js', (ctx) => {
    ctx.type = 'text/javascript';
    ctx.body = inboxAsset('inbox.js');
  });
  router.get('/', (ctx) => {
    const listed = apps.all.map(({ slug, settings: { name } }) => ({
      name,
      kinds: MAIL_KINDS.map((kind) => ({
        name: kind.name,
        summary: kind.summary,
        url: `${PREFIX}/${slug}/${kind.name}`,
      })),
    }));
    showPage(ctx, page('Mails', drawn('mail-kinds', { apps: listed }), placeOf(ctx)));
  });
  router.get('/:app/:kind', async (ctx) => {
    const found = named(ctx);
    if (!found) return;
    const mail = await made(ctx, found.app, found.kind);
    showPage(ctx, page(mail.subject, drawn('mail-preview', modelOf(ctx, found, mail)), placeOf(ctx)));
  });
  router.get('/:app/:kind/html', async (ctx) => {
    const found = named(ctx);
    if (!found) return;
    const { html } = await made(ctx, found.app, found.kind);
    showHtmlPart(ctx, html, found.app.settings.brand.mail_logo?.url);
  });
  return router;
}

const placeOf = (ctx: RouterContext) => ({ prefix: PREFIX, nonce: nonceOf(ctx) });

function languageOf(ctx: RouterContext): string[] {
  const { lang } = ctx.query;
  return typeof lang === 'string' && /^[A-Za-z-]{2,20}$/.test(lang) ? [lang] : [];
}

function modelOf(
  ctx: RouterContext,
  { app, kind }: { readonly app: App; readonly kind: MailKind },
  mail: OutgoingMail,
) {
  const [shown] = languageOf(ctx);
  const url = `${PREFIX}/${app.slug}/${kind.name}`;
  const tags = [...mailTexts.stored.values()].map(({ tag }) => tag);
  return {
    prefix: PREFIX,
    app: app.settings.name,
    kind: kind.name,
    mail,
    html: `${url}/html${shown === undefined ? '' : `?lang=${shown}`}`,
    languages: tags.map((tag) => ({ tag, url: `${url}?lang=${tag}`, isShown: tag === shown })),
    findings: lintMail(mail, app.settings.brand.mail_logo?.url),
  };
}
