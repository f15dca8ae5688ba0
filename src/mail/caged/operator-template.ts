/** An operator's template for one kind in one language: what it is made of and how it is checked before it is used. */
import type { MailKind } from '../kinds.ts';
import type { Cage } from './cage.ts';
import { checkTemplate, fieldsOf, type TemplateRules, variantsOf } from './check-template.ts';
import { type Finding, isRefused, PARTS, type Part } from './finding.ts';
import { type RenderedParts, renderParts } from './render.ts';
import { markerOf } from './skeleton.ts';
import { START } from './syntax.ts';

/** A part that is left out is the built-in one. */
export type TemplateParts = Readonly<Partial<Record<Part, string>>>;

export interface OperatorTemplate {
  /** Name of the kind. */
  readonly kind: string;
  /** Language tag; undefined: for every language that has none of its own. */
  readonly lang: string | undefined;
  readonly parts: TemplateParts;
  readonly source: 'file' | 'store';
}

export const templateName = ({ kind, lang }: Pick<OperatorTemplate, 'kind' | 'lang'>): string =>
  lang === undefined ? kind : `${kind}.${lang}`;

/** Without running anything: what can be told from the source alone. */
export function findingsOf(kind: MailKind, parts: TemplateParts, rules: TemplateRules): Finding[] {
  const findings = PARTS.filter((part) => parts[part] !== undefined).flatMap((part) =>
    checkTemplate(kind, part, parts[part], rules),
  );
  if (PARTS.some((part) => parts[part] !== undefined)) return findings;
  const reason = 'there is nothing in it';
  return [
    {
      severity: 'refused',
      part: 'html',
      ...START,
      reason,
      mend: 'give subject, text or html, or all of them',
    },
  ];
}

/**
 * The whole check, before a template is saved: also that Handlebars makes of it what was checked, and that it fits within
 * the limits with the longest values.
 */
export async function examine(
  kind: MailKind,
  parts: TemplateParts,
  rules: TemplateRules,
  cage: Cage,
): Promise<Finding[]> {
  const findings = findingsOf(kind, parts, rules);
  if (findings.some(isRefused)) return findings;
  const faults: Finding[] = [];
  for (const part of PARTS) {
    const source = parts[part];
    if (source === undefined) continue;
    const refuse = (reason: string, mend: string) =>
      faults.push({ severity: 'refused', part, ...START, reason, mend });
    if (!(await isReadAlike(kind, source, cage))) {
      refuse('Handlebars makes something else of it than was checked', 'write it more plainly');
    }
  }
  const rendered = await renderParts(parts, longestValues(kind), cage);
  if ('fault' in rendered) faults.push(tooMuch(rendered));
  return [...findings, ...faults];
}

async function isReadAlike(kind: MailKind, source: string, cage: Cage): Promise<boolean> {
  const names = Object.keys(fieldsOf(kind));
  for (const { skeleton, hidden } of variantsOf(kind, source)) {
    const model = Object.fromEntries(
      names.map((name, index) => [name, hidden.has(name) ? '' : markerOf(index)]),
    );
    const result = await cage.render({ source, isPlain: true, model });
    if (!('text' in result) || result.text !== skeleton.text) return false;
  }
  return true;
}

/** As long as values can get, of the character that grows most when it is escaped. */
const longestValues = (kind: MailKind): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fieldsOf(kind)).map(([name, { type }]) => [
      name,
      type === 'text' ? "'".repeat(100) : 'x'.repeat(type === 'link' || type === 'image' ? 200 : 60),
    ]),
  );

function tooMuch({ part, fault }: Extract<RenderedParts, { fault: string }>): Finding {
  const mend = 'make it shorter: Gmail cuts off what is longer than 102 KB';
  const reason =
    fault === 'size'
      ? 'with long values the mail gets too large'
      : `it cannot be run within its limits (${fault})`;
  return { severity: 'refused', part, ...START, reason, mend };
}
