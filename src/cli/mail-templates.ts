/**
 * `postern mail template`: an app's own mail templates; checked and saved, seen, taken back. Running servers follow within 2 s.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { App } from '../apps/apps.ts';
import { readTemplates, templateRules } from '../mail/caged/app-templates.ts';
import { describeFinding, isRefused, PARTS, type Part } from '../mail/caged/finding.ts';
import {
  examine,
  findingsOf,
  type OperatorTemplate,
  type TemplateParts,
  templateName,
} from '../mail/caged/operator-template.ts';
import { inEffect } from '../mail/caged/operator-templates.ts';
import { partOf } from '../mail/caged/template-folder.ts';
import { TemplateStore } from '../mail/caged/template-store.ts';
import { MAIL_KINDS, type MailKind, mailKind } from '../mail/kinds.ts';
import { sampleDraft } from '../mail/sample.ts';
import type { OutgoingMail } from '../mail/transport.ts';
import { type Command, EXIT, type ExitCode, type Surface } from './command.ts';
import { chosenApp, type Deployment, withDeployment } from './deployment.ts';
import { withComposer } from './mail-composer.ts';

const LANG = { lang: 'language tag such as de or pt-BR; default: every language without its own' } as const;
const FILES = {
  html: 'file with the HTML part',
  text: 'file with the text part',
  subject: 'file with the subject, one line',
} as const;

export const templateSet: Command = {
  name: 'mail template set',
  summary: 'check a template and save it; what it leaves out is the built-in part',
  operands: ['app', 'kind'],
  options: { ...LANG, ...FILES },
  run: (_flags, surface, operands, values) =>
    onKind(surface, operands, values, async ({ app, kind, lang, deployment }) => {
      const parts = await partsFrom(values, surface);
      if (!parts) return EXIT.failed;
      const isFine = await withComposer(deployment, surface, async ({ cage }) =>
        told(surface, await examine(kind, parts, templateRules(app.settings.mail), cage)),
      );
      const name = templateName({ kind: kind.name, lang });
      if (!isFine) {
        surface.complain(`${app.slug}: ${name} was not saved`);
        return EXIT.failed;
      }
      const { store, clock } = deployment;
      await new TemplateStore(store).save(app.id, { kind: kind.name, lang }, parts, clock.now());
      surface.print(`${app.slug}: ${name} saved (${Object.keys(parts).join(', ')})`);
      return EXIT.ok;
    }),
};

export const templateCheck: Command = {
  name: 'mail template check',
  summary: 'check a template without saving it; without files, the one in effect',
  operands: ['app', 'kind'],
  options: { ...LANG, ...FILES },
  run: (_flags, surface, operands, values) =>
    onKind(surface, operands, values, async ({ app, kind, lang, deployment }) => {
      const isGiven = PARTS.some((part) => values[part] !== undefined);
      const parts = isGiven
        ? await partsFrom(values, surface)
        : (await templateOf(app, { kind: kind.name, lang }, deployment))?.parts;
      if (!parts) {
        if (!isGiven)
          surface.complain(`${app.slug} has no template ${templateName({ kind: kind.name, lang })}`);
        return EXIT.failed;
      }
      const isFine = await withComposer(deployment, surface, async ({ cage }) =>
        told(surface, await examine(kind, parts, templateRules(app.settings.mail), cage)),
      );
      if (isFine) surface.print('OK');
      return isFine ? EXIT.ok : EXIT.failed;
    }),
};

export const templateList: Command = {
  name: 'mail template list',
  summary: 'show the templates of an app: from the file or saved, and whether they are fine',
  operands: ['app'],
  run: (_flags, surface, [slug]) =>
    withDeployment(surface, async (deployment) => {
      const app = chosenApp(deployment.apps, slug, surface);
      if (!app) return EXIT.usage;
      const all = await templatesOf(app, deployment);
      if (all.length === 0)
        surface.complain(`${app.slug} has no templates: all its mails are the built-in ones`);
      for (const template of all) {
        const kind = mailKind(template.kind);
        const isFine =
          kind && !findingsOf(kind, template.parts, templateRules(app.settings.mail)).some(isRefused);
        const state = kind ? (isFine ? 'in use' : 'refused: mail template check says why') : 'no such kind';
        const parts = PARTS.filter((part) => template.parts[part] !== undefined).join(',');
        surface.print(
          `${templateName(template).padEnd(24)}${template.source.padEnd(8)}${parts.padEnd(20)}${state}`,
        );
      }
      return EXIT.ok;
    }),
};

export const templateShow: Command = {
  name: 'mail template show',
  summary: 'print a template as it was written',
  operands: ['app', 'kind'],
  options: { ...LANG, part: 'html, text or subject; default: all' },
  run: (_flags, surface, operands, values) =>
    onKind(surface, operands, values, async ({ app, kind, lang, deployment }) => {
      const template = await templateOf(app, { kind: kind.name, lang }, deployment);
      if (!template) {
        surface.complain(`${app.slug} has no template ${templateName({ kind: kind.name, lang })}`);
        return EXIT.failed;
      }
      for (const part of PARTS) {
        const source = template.parts[part];
        if (source === undefined || (values.part !== undefined && values.part !== part)) continue;
        if (values.part === undefined) surface.print(`--- ${part}`);
        surface.print(source);
      }
      return EXIT.ok;
    }),
};

export const templateRemove: Command = {
  name: 'mail template remove',
  summary: 'take back a saved template; the file or the built-in one is in use again',
  operands: ['app', 'kind'],
  options: LANG,
  run: (_flags, surface, operands, values) =>
    onKind(surface, operands, values, async ({ app, kind, lang, deployment }) => {
      const named = { kind: kind.name, lang };
      if (!(await new TemplateStore(deployment.store).remove(app.id, named))) {
        surface.complain(`${app.slug} has no saved template ${templateName(named)}`);
        return EXIT.failed;
      }
      surface.print(`${app.slug}: ${templateName(named)} removed`);
      return EXIT.ok;
    }),
};

export const templatePreview: Command = {
  name: 'mail template preview',
  summary: 'print a mail of this kind with made-up values',
  operands: ['app', 'kind'],
  flags: { 'without-code': 'as where the app has code entry off' },
  options: {
    lang: 'language of the reader; default: that of the app',
    part: 'html, text or subject; default: html',
    out: 'file to write instead',
  },
  run: (flags, surface, operands, values) =>
    onKind(surface, operands, values, async ({ app, kind, lang, deployment }) => {
      const part = PARTS.find((one) => one === (values.part ?? 'html'));
      if (!part) {
        surface.complain('--part is html, text or subject');
        return EXIT.usage;
      }
      const draft = sampleDraft(kind, app, {
        to: `preview@${new URL(app.issuer).hostname}`,
        locales: lang === undefined ? [] : [lang],
        messageId: '<preview@localhost>',
        now: deployment.clock.now(),
        without: flags['without-code'] ? ['code'] : [],
      });
      const mail: OutgoingMail = await withComposer(deployment, surface, ({ compose }) =>
        compose(kind, draft),
      );
      if (values.out === undefined) surface.print(mail[part]);
      else await writeFile(resolve(surface.cwd, values.out), mail[part]);
      return EXIT.ok;
    }),
};

interface OnKind {
  readonly app: App;
  readonly kind: MailKind;
  readonly lang: string | undefined;
  readonly deployment: Deployment;
}

export function onKind(
  surface: Surface,
  [slug, kindName]: readonly string[],
  { lang: written }: Readonly<Record<string, string>>,
  work: (one: OnKind) => Promise<ExitCode>,
): Promise<ExitCode> {
  const kind = mailKind(kindName ?? '');
  const lang = written === undefined ? undefined : languageOf(written);
  if (!kind) {
    surface.complain(
      `no kind of mail ${kindName}; there are: ${MAIL_KINDS.map(({ name }) => name).join(', ')}`,
    );
    return Promise.resolve(EXIT.usage);
  }
  if (written !== undefined && lang === undefined) {
    surface.complain(`--lang ${written} is no language tag`);
    return Promise.resolve(EXIT.usage);
  }
  return withDeployment(surface, async (deployment) => {
    const app = chosenApp(deployment.apps, slug, surface);
    return app ? work({ app, kind, lang, deployment }) : EXIT.usage;
  });
}

/** In its usual form; undefined for what is none (BCP 47). */
function languageOf(written: string): string | undefined {
  if (!/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(written)) return undefined;
  return Intl.getCanonicalLocales(written)[0];
}

async function partsFrom(
  values: Readonly<Record<string, string>>,
  { cwd, complain }: Surface,
): Promise<TemplateParts | undefined> {
  const parts: Partial<Record<Part, string>> = {};
  for (const part of PARTS) {
    const path = values[part];
    if (path === undefined) continue;
    try {
      parts[part] = partOf(await readFile(resolve(cwd, path), 'utf8'), part);
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      complain(`${path} cannot be read (${reason})`);
      return undefined;
    }
  }
  return parts;
}

/** True when it may be saved. */
function told({ complain }: Surface, findings: Parameters<typeof describeFinding>[0][]): boolean {
  for (const finding of findings) complain(describeFinding(finding));
  return !findings.some(isRefused);
}

async function templatesOf(app: App, { store, clock }: Deployment): Promise<readonly OperatorTemplate[]> {
  const stored = await new TemplateStore(store).list(app.id, clock.now());
  const all = inEffect(readTemplates(app.settings.mail).files, stored);
  return [...all].sort((a, b) => (templateName(a) < templateName(b) ? -1 : 1));
}

async function templateOf(
  app: App,
  wanted: { readonly kind: string; readonly lang: string | undefined },
  deployment: Deployment,
): Promise<OperatorTemplate | undefined> {
  const all = await templatesOf(app, deployment);
  return all.find((template) => templateName(template) === templateName(wanted));
}
