/** From a checked template and the values of a mail to its parts. */
import { createRequire } from 'node:module';
import type Handlebars from 'handlebars';
import type { MailFields } from '../kinds.ts';
import type { MailModel } from '../model.ts';
import type { Cage, CageResult } from './cage.ts';
import { PARTS, type Part } from './finding.ts';

type Parts = Readonly<Partial<Record<Part, string>>>;
type CageFault = Extract<CageResult, { fault: string }>['fault'];

export type RenderedParts =
  | { readonly parts: Parts }
  | { readonly part: Part; readonly fault: CageFault | 'incomplete' };

export async function renderParts(
  sources: Parts,
  model: Readonly<Record<string, string>>,
  cage: Cage,
): Promise<RenderedParts> {
  const parts: Partial<Record<Part, string>> = {};
  for (const part of PARTS) {
    const source = sources[part];
    if (source === undefined) continue;
    const result = await cage.render({ source, isPlain: part !== 'html', model });
    if ('fault' in result) return { part, fault: result.fault };
    parts[part] = result.text;
  }
  return { parts };
}

/** Strings only, and nothing that the kind does not name (ML-75). Moments say that they are UTC. */
export function cagedModel(model: MailModel, fields: MailFields, lang: string): Record<string, string> {
  const numbers = new Intl.NumberFormat(lang);
  return Object.fromEntries(
    Object.entries(fields).map(([name, { type }]) => {
      const value = model[name] ?? '';
      if (typeof value === 'number') return [name, numbers.format(value)];
      return [name, (type === 'moment' || type === 'time') && value !== '' ? `${value} UTC` : value];
    }),
  );
}

/** Loaded for the first template. */
const require = createRequire(import.meta.url);

/** The first field of the kind that has to be in the mail and is not: the last look before it goes out (ML-76). */
export function missingIn(
  { text, html }: Parts,
  fields: MailFields,
  model: Readonly<Record<string, string>>,
): { readonly part: Part; readonly name: string } | undefined {
  // `require` tells no types; this is that package.
  const { escapeExpression } = require('handlebars') as typeof Handlebars;
  for (const [name, { type }] of Object.entries(fields)) {
    const value = model[name];
    if ((type !== 'link' && type !== 'code') || value === undefined || value === '') continue;
    if (text !== undefined && !text.includes(value)) return { part: 'text', name };
    if (html !== undefined && !html.includes(escapeExpression(value))) return { part: 'html', name };
  }
  return undefined;
}
