/**
 * Whether an operator's template may be saved and sent: syntax, then what comes out for every choice of its conditions.
 * The same check runs when it is saved, and again before it is used, because rules grow with releases.
 */
import { COMMON_FIELDS, type MailFields, type MailKind } from '../kinds.ts';
import type { Complain, Finding, Part } from './finding.ts';
import { checkMarkup, type Shown } from './markup.ts';
import { checkPlain } from './plain.ts';
import { markerOf, PRIVATE_USE, type Skeleton, skeletonOf } from './skeleton.ts';
import { parseTemplate, placeAt, START } from './syntax.ts';

/** Characters. */
export const MAX_SOURCE: Readonly<Record<Part, number>> = { subject: 300, text: 20_000, html: 64_000 };
/** More would repeat the first. */
const MAX_FINDINGS = 20;

export interface TemplateRules {
  /** Hosts that images may come from: `mail.image_hosts`. */
  readonly imageHosts: readonly string[];
}

export const fieldsOf = (kind: MailKind): MailFields => ({ ...kind.fields, ...COMMON_FIELDS });

/** By place, refusals and warnings; nothing when it is fine. */
export function checkTemplate(kind: MailKind, part: Part, source: unknown, rules: TemplateRules): Finding[] {
  const findings = new Map<string, Finding>();
  const complain = (
    { line, column }: { readonly line: number; readonly column: number },
    reason: string,
    mend: string,
    severity: Finding['severity'] = 'refused',
  ): void => {
    findings.set(`${line}:${column}:${reason}`, { severity, part, line, column, reason, mend });
  };
  // Not by its type alone: it comes from a file, a command line or the store.
  if (typeof source !== 'string') {
    complain(START, 'a template is text', 'give the source, not a syntax tree');
  } else if (source.length > MAX_SOURCE[part]) {
    complain(
      START,
      `${source.length} characters`,
      `keep it to ${MAX_SOURCE[part]}: mail programs cut off more`,
    );
  } else {
    checkSource(kind, part, source, rules, complain);
  }
  return [...findings.values()].sort((a, b) => a.line - b.line || a.column - b.column).slice(0, MAX_FINDINGS);
}

function checkSource(
  kind: MailKind,
  part: Part,
  source: string,
  rules: TemplateRules,
  complain: Complain,
): void {
  const forbidden = source.search(PRIVATE_USE);
  const control = source.search(part === 'subject' ? /\p{Cc}/u : /(?![\t\n\r])\p{Cc}/u);
  if (forbidden >= 0) complain(placeAt(source, forbidden), 'a private use character', 'take it out');
  if (control >= 0) complain(placeAt(source, control), 'a control character', 'take it out');
  if (forbidden >= 0 || control >= 0) return;
  // The first is the one in which nothing is empty; what it lacks is not told again of every other.
  const told = new Set<string>();
  for (const variant of variantsOf(kind, source, complain)) {
    const shown = shownIn(part, variant, rules, complain);
    if (part === 'subject') continue;
    for (const { field, reason, mend, severity } of lacking(kind, part, shown, variant)) {
      if (!told.has(field)) complain(START, reason, mend, severity);
      told.add(field);
    }
  }
}

/** What comes out for every choice of the conditions; nothing for what is refused by its syntax. */
export function variantsOf(kind: MailKind, source: string, complain: Complain = () => undefined): Variant[] {
  const fields = fieldsOf(kind);
  const parsed = parseTemplate(source, fields, complain);
  if (!parsed) return [];
  const names = Object.keys(fields);
  const conditions = new Set([...parsed.conditions, ...imagesIn(parsed.program, fields)]);
  return choices([...conditions]).map((hidden) => ({
    skeleton: skeletonOf(parsed.program, names, (field) => !hidden.has(field)),
    fields,
    hidden,
  }));
}

/** A text that is empty does no harm; an image without an address does, so the template has to ask. */
function imagesIn(program: hbs.AST.Program, fields: MailFields): string[] {
  const names = Object.keys(fields);
  const { text } = skeletonOf(program, names, () => true);
  return names.filter((name, index) => fields[name]?.type === 'image' && text.includes(markerOf(index)));
}

export interface Variant {
  readonly skeleton: Skeleton;
  readonly fields: MailFields;
  /** Fields that are empty in this one. */
  readonly hidden: ReadonlySet<string>;
}

function shownIn(part: Part, { skeleton, fields }: Variant, rules: TemplateRules, complain: Complain): Shown {
  if (part === 'html') return checkMarkup(skeleton, { fields, imageHosts: rules.imageHosts }, complain);
  const texts = checkPlain(skeleton, fields, part, complain);
  return { texts, links: texts };
}

interface Lack extends Pick<Finding, 'reason' | 'mend' | 'severity'> {
  readonly field: string;
}

/** What has to be in the mail and is not there for this choice (ML-76). */
function lacking(kind: MailKind, part: Part, shown: Shown, { hidden }: Variant): Lack[] {
  const when = forChoice(hidden);
  return Object.entries(kind.fields).flatMap(([field, { type, isFact }]): Lack[] => {
    // Of a value that is not there the template cannot be asked.
    if (hidden.has(field)) return [];
    if (type === 'link' && !shown.links.has(field)) {
      const mend =
        part === 'html'
          ? `put <a href="{{${field}}}"> where it is seen`
          : `put {{${field}}} on a line of its own`;
      return [{ field, severity: 'refused', reason: `the mail lacks {{${field}}}${when}`, mend }];
    }
    if (shown.texts.has(field) || (type !== 'code' && !isFact)) return [];
    return type === 'code'
      ? [
          {
            field,
            severity: 'refused',
            reason: `the mail lacks {{${field}}}${when}`,
            mend: `put {{${field}}} where it is seen`,
          },
        ]
      : [
          {
            field,
            severity: 'warning',
            reason: `the mail does not say {{${field}}}${when}`,
            mend: 'show it: who did not ask sees it by this',
          },
        ];
  });
}

const forChoice = (hidden: ReadonlySet<string>): string =>
  hidden.size === 0 ? '' : ` when ${[...hidden].join(' and ')} ${hidden.size === 1 ? 'is' : 'are'} empty`;

/** Every set of conditions that may be empty together; their number is limited where they are collected. */
function choices(conditions: readonly string[]): ReadonlySet<string>[] {
  return Array.from(
    { length: 2 ** conditions.length },
    (_, bits) => new Set(conditions.filter((_name, index) => (bits >> index) % 2 === 1)),
  );
}
