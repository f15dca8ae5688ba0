/** What an app's configuration says about templates, read and checked: a bad file stops the start, as any fault of the configuration does (RL-20). */
import type { App } from '../../apps/apps.ts';
import type { MailSettings } from '../../config/schema.ts';
import { type MailKind, mailKind } from '../kinds.ts';
import type { TemplateRules } from './check-template.ts';
import { describeFinding, isRefused } from './finding.ts';
import { findingsOf, type OperatorTemplate, templateName } from './operator-template.ts';
import type { AppTemplates } from './operator-templates.ts';
import { readTemplateFolder } from './template-folder.ts';

export const templateRules = (settings: MailSettings): TemplateRules => ({
  imageHosts: settings.image_hosts,
});

export interface ReadTemplates extends AppTemplates {
  /** One sentence each, with file, line and how to mend it. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

export function readTemplates(settings: MailSettings): ReadTemplates {
  const rules = templateRules(settings);
  if (settings.templates === undefined) return { ...rules, files: [], faults: [], warnings: [] };
  const { templates, faults } = readTemplateFolder(settings.templates);
  const checked = templates.map((template) => ({ template, ...verdictOf(template, rules) }));
  return {
    ...rules,
    files: templates,
    faults: [...faults, ...checked.flatMap((one) => one.faults)],
    warnings: checked.flatMap((one) => one.warnings),
  };
}

function verdictOf(template: OperatorTemplate, rules: TemplateRules) {
  const name = templateName(template);
  const kind: MailKind | undefined = mailKind(template.kind);
  if (!kind) return { faults: [`${name}: there is no mail of the kind ${template.kind}`], warnings: [] };
  const findings = findingsOf(kind, template.parts, rules);
  const told = (wanted: boolean) =>
    findings
      .filter((finding) => isRefused(finding) === wanted)
      .map((finding) => `${name}.${describeFinding(finding)}`);
  return { faults: told(true), warnings: told(false) };
}

/** Throws with all faults of all apps. */
export function templatesOfApps(apps: readonly App[]): ReadonlyMap<App['id'], AppTemplates> {
  const read = apps.map((app) => ({ app, templates: readTemplates(app.settings.mail) }));
  const faults = read.flatMap(({ app, templates }) =>
    templates.faults.map((fault) => `${app.slug}: ${fault}`),
  );
  if (faults.length > 0) throw new Error(`mail templates are refused:\n${faults.join('\n')}`);
  return new Map(read.map(({ app, templates }) => [app.id, templates]));
}
