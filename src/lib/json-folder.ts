/** A folder of JSON files, each an object of texts, by the name of the file without its ending. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ENDING = '.json';

export const namesIn = (folder: URL): string[] =>
  readdirSync(fileURLToPath(folder))
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();

/** Throws with the name of the file for one that is no object. */
export function readFolder(folder: URL): ReadonlyMap<string, Readonly<Record<string, string>>> {
  return new Map(
    namesIn(folder).map((name) => {
      const content: unknown = JSON.parse(readFileSync(new URL(`${name}${ENDING}`, folder), 'utf8'));
      if (typeof content !== 'object' || content === null) throw new Error(`${name}${ENDING} holds no texts`);
      return [name, Object.fromEntries(Object.entries(content).map(([key, text]) => [key, String(text)]))];
    }),
  );
}
