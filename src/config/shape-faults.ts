/** What a value of the wrong shape is called to a person: known names, near misses, kinds in the words of YAML. */
import { z } from 'zod';
import { closestTo } from './fault.ts';
import { configFile } from './schema.ts';

type Path = readonly PropertyKey[];

export interface ShapeFault {
  readonly at: Path;
  readonly message: string;
}

export const shapeFaults = (issues: readonly z.core.$ZodIssue[], raw: unknown): ShapeFault[] =>
  issues.flatMap((issue) => faultsOf(issue, raw));

function faultsOf(issue: z.core.$ZodIssue, raw: unknown): ShapeFault[] {
  const at = issue.path;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ at: [...at, key], message: unknownKey(key, at) }));
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ at, message }));
    case 'invalid_union':
      return unionFaults(issue, raw);
    case 'invalid_type':
      return [
        { at, message: valueAt(raw, at) === undefined ? 'is missing' : `must be ${kindOf(issue.expected)}` },
      ];
    case 'invalid_value':
      return [
        {
          at,
          message: `must be ${issue.values.map(String).join(' or ')}${meant(valueAt(raw, at), issue.values)}`,
        },
      ];
    default:
      return [{ at, message: issue.message }];
  }
}

/** A type in the words of YAML. */
function kindOf(expected: string): string {
  switch (expected) {
    case 'object':
    case 'record':
      return 'a mapping';
    case 'array':
      return 'a list';
    case 'int':
      return 'a whole number';
    case 'string':
      return 'text (put it in quotes if it looks like a number or true/false)';
    case 'boolean':
      return 'true or false';
    default:
      return `a ${expected}`;
  }
}

/** Of several forms the one is meant that has the value's own type; what is wrong inside it is the fault. */
function unionFaults(issue: z.core.$ZodIssueInvalidUnion, raw: unknown): ShapeFault[] {
  // One that is told by a key of its own says itself which values that key may have.
  if (issue.errors.length === 0) return [{ at: issue.path, message: issue.message }];
  const inside = issue.errors.find(
    (errors) =>
      !errors.some(
        ({ path, code }) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_value'),
      ),
  );
  if (inside) {
    return inside.flatMap((nested) => faultsOf({ ...nested, path: [...issue.path, ...nested.path] }, raw));
  }
  const forms = issue.errors.flat().flatMap((nested) => {
    if (nested.code === 'invalid_value') return nested.values.map(String);
    return nested.code === 'invalid_type' ? [kindOf(nested.expected)] : [];
  });
  return [
    { at: issue.path, message: `must be ${forms.join(' or ')}${meant(valueAt(raw, issue.path), forms)}` },
  ];
}

function meant(value: unknown, known: readonly unknown[]): string {
  const word = typeof value === 'string' ? closestTo(value, known.map(String)) : undefined;
  return word === undefined ? '' : `: did you mean ${word}?`;
}

function unknownKey(key: string, parent: Path): string {
  if (key === 'sector_identifier_uri') return 'is not supported: every user has one `sub` per app';
  // Of several forms of this place another one may well know it.
  const known = keysAt(parent).filter((name) => name !== key);
  const near = closestTo(key, known);
  return near === undefined
    ? `is not known here; known are ${known.join(', ')}`
    : `is not known here: did you mean ${near}?`;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Names that the schema knows at a place of the file. */
function keysAt(path: Path): string[] {
  // The library types the document more loosely than the few keywords read here.
  let nodes = [z.toJSONSchema(configFile, { io: 'input' }) as JsonSchema];
  for (const segment of path) {
    nodes = nodes.flatMap((node) => {
      const named = typeof segment === 'number' ? node.items : node.properties?.[String(segment)];
      const next = named ?? node.additionalProperties;
      return typeof next === 'object' ? [next, ...(next.anyOf ?? []), ...(next.oneOf ?? [])] : [];
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function valueAt(value: unknown, path: Path): unknown {
  let current: unknown = value;
  for (const segment of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    // Any own property of a parsed file may be looked at.
    current = (current as Record<PropertyKey, unknown>)[segment];
  }
  return current;
}
