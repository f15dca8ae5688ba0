/** What is wrong with a configuration, in a form that names the place and never a secret. */
export interface Fault {
  /** `SECRET_KEY`, or `CONFIG: apps.shop.clients.shop-web.redirect_uris[0]`. */
  readonly path: string;
  readonly message: string;
}

export const describeFault = (fault: Fault): string => `${fault.path}: ${fault.message}`;

/** Path of a place in the configuration file, written as a person would look for it. */
export function filePath(segments: readonly PropertyKey[]): string {
  const written = segments.map((segment) => {
    if (typeof segment === 'number') return `[${segment}]`;
    const key = String(segment);
    return /^[A-Za-z0-9_-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  const path = written.join('').replace(/^\./, '');
  return path === '' ? 'CONFIG' : `CONFIG: ${path}`;
}

/** The known word that a mistyped one most probably means; undefined when none is near. */
export function closestTo(typed: string, known: readonly string[]): string | undefined {
  // Two letters changed places count as two edits.
  const limit = typed.length < 4 ? 1 : Math.max(2, Math.floor(typed.length / 3));
  let best: { word: string; distance: number } | undefined;
  for (const word of known) {
    const distance = editDistance(plain(typed), plain(word));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word, distance };
  }
  return best?.word;
}

/** `redirectUris`, `redirect-uris` and `redirect_uris` are the same word to whoever mistypes them. */
const plain = (word: string): string => word.toLowerCase().replace(/[_-]/g, '');

function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
