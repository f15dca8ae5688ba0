/**
 * Operators' templates beside the configuration file: `mail.templates` names a folder with files
 * `<kind>.<lang>.{subject,text,html}.hbs`, or without `<lang>` for all languages. Read once, at the start, like the
 * configuration itself.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Part } from './finding.ts';
import type { OperatorTemplate } from './operator-template.ts';
import { templateName } from './operator-template.ts';

const NAME = /^([a-z][a-z0-9-]*)(?:\.([a-zA-Z]{2,3}(?:-[A-Za-z0-9]{2,8})*))?\.(subject|text|html)\.hbs$/;
/** Of one file; the templates themselves may be shorter still. */
const MAX_BYTES = 1_000_000;
const MAX_FILES = 500;

export interface TemplateFolder {
  readonly templates: readonly OperatorTemplate[];
  /** What could not be read as a template, one sentence each. */
  readonly faults: readonly string[];
}

export function readTemplateFolder(folder: string): TemplateFolder {
  const found = new Map<string, OperatorTemplate>();
  const faults: string[] = [];
  for (const file of filesOf(folder, faults)) {
    const [, kind = '', lang, part] = NAME.exec(file) ?? [];
    if (part === undefined) {
      faults.push(`${file} is no template: write <kind>.<lang>.html.hbs, .text.hbs or .subject.hbs`);
      continue;
    }
    const path = join(folder, file);
    if (statSync(path).size > MAX_BYTES) {
      faults.push(`${file} is larger than ${MAX_BYTES} bytes`);
      continue;
    }
    const name = templateName({ kind, lang });
    const known = found.get(name);
    // The expression admits no other part.
    const parts = { ...known?.parts, [part as Part]: readPart(path, part as Part) };
    found.set(name, { kind, lang, parts, source: 'file' });
  }
  return { templates: [...found.values()], faults };
}

/** Editors end a file with a line end, which no subject has. */
export const partOf = (text: string, part: Part): string =>
  part === 'subject' ? text.replace(/\r?\n$/, '') : text;

const readPart = (path: string, part: Part): string => partOf(readFileSync(path, 'utf8'), part);

function filesOf(folder: string, faults: string[]): readonly string[] {
  try {
    const files = readdirSync(folder)
      .filter((file) => !file.startsWith('.'))
      .sort();
    if (files.length > MAX_FILES) faults.push(`${folder} holds more than ${MAX_FILES} files`);
    return files.slice(0, MAX_FILES);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    faults.push(`${folder} cannot be read (${reason})`);
    return [];
  }
}
