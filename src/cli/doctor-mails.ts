/** What the doctor says of the mails themselves: an app's own templates, and every kind as it would go out. */
import type { App } from '../apps/apps.ts';
import { readTemplates, templateRules } from '../mail/caged/app-templates.ts';
import type { Cage } from '../mail/caged/cage.ts';
import { describeFinding, isRefused } from '../mail/caged/finding.ts';
import { examine, templateName } from '../mail/caged/operator-template.ts';
import { inEffect } from '../mail/caged/operator-templates.ts';
import { TemplateStore } from '../mail/caged/template-store.ts';
import type { ComposeMail } from '../mail/composer.ts';
import { type Finding, fail, ok, warn } from '../mail/doctor/finding.ts';
import { MAIL_KINDS, mailKind } from '../mail/kinds.ts';
import { lintMail } from '../mail/lint.ts';
import { sampleDraft } from '../mail/sample.ts';
import type { Deployment } from './deployment.ts';

interface Tools {
  readonly deployment: Deployment;
  readonly cage: Cage;
  readonly compose: ComposeMail;
}

export async function examineMails(app: App, tools: Tools): Promise<Finding[]> {
  const findings = [...(await examineTemplates(app, tools)), ...(await lintKinds(app, tools))];
  return findings.length > 0
    ? findings
    : [ok('mails', `all ${MAIL_KINDS.length} kinds of mail look as they should`)];
}

async function examineTemplates(app: App, { deployment: { store, clock }, cage }: Tools): Promise<Finding[]> {
  const { mail } = app.settings;
  const stored = await new TemplateStore(store).list(app.id, clock.now());
  const findings: Finding[] = [];
  for (const template of inEffect(readTemplates(mail).files, stored)) {
    const kind = mailKind(template.kind);
    if (!kind) continue;
    for (const found of await examine(kind, template.parts, templateRules(mail), cage)) {
      const what = `the template ${templateName(template)}: ${describeFinding(found)}`;
      const why = isRefused(found)
        ? 'the built-in mail goes out in its place'
        : 'some people will not see it as it is meant';
      findings.push((isRefused(found) ? fail : warn)('mails.template', what, why, found.mend));
    }
  }
  return findings;
}

async function lintKinds(app: App, { deployment: { clock }, compose }: Tools): Promise<Finding[]> {
  const isHttps = app.issuer.startsWith('https:');
  const findings: Finding[] = [];
  for (const kind of MAIL_KINDS) {
    const mail = await compose(
      kind,
      testDraft(kind, app, `lint@${new URL(app.issuer).hostname}`, clock.now()),
    );
    for (const { rule, severity, message } of lintMail(mail, app.settings.brand.mail_logo?.url)) {
      // Without https anywhere, as in development, that is said once and of the issuer.
      if (rule === 'http-link' && !isHttps) continue;
      const why = 'filters and mail programs judge by it';
      const mend = `see it: npm run postern -- mail template preview ${app.slug} ${kind.name}`;
      findings.push(
        (severity === 'error' ? fail : warn)('mails.lint', `${kind.name}: ${message}`, why, mend),
      );
    }
  }
  return findings;
}

const testDraft = (kind: (typeof MAIL_KINDS)[number], app: App, to: string, now: number) =>
  sampleDraft(kind, app, { to, locales: [], messageId: '<lint@localhost>', now });
