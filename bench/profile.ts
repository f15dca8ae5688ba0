/** Reads CPU profiles of Node: own and inclusive time by file. `node bench/profile.ts <directory or file> [--top 40] [--functions]` */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { top: { type: 'string', default: '40' }, functions: { type: 'boolean', default: false } },
});

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const file = url === '' ? `(${functionName.replace(/[()]/g, '') || 'native'})` : shortened(url);
  return options.functions && url !== '' ? `${functionName || 'anonymous'} ${file}:${lineNumber + 1}` : file;
}

const shortened = (url: string): string =>
  url
    .replace(/^file:\/\//, '')
    .replace(`${process.cwd()}/`, '')
    .replace('node_modules/', '');

function summarise({ nodes, samples, timeDeltas }: Profile): Map<string, { own: number; all: number }> {
  const own = new Map<number, number>();
  for (const [at, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[at] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const sums = new Map<string, { own: number; all: number }>();
  const sumOf = (name: string) => {
    const sum = sums.get(name) ?? { own: 0, all: 0 };
    sums.set(name, sum);
    return sum;
  };
  // Time below a name counts once for it, however often the name stands on the stack.
  const visit = (node: ProfileNode, above: ReadonlySet<string>): number => {
    const name = nameOf(node);
    const within = above.has(name) ? above : new Set([...above, name]);
    const self = own.get(node.id) ?? 0;
    let total = self;
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child) total += visit(child, within);
    }
    sumOf(name).own += self;
    if (!above.has(name)) sumOf(name).all += total;
    return total;
  };
  const [root] = nodes;
  if (root) visit(root, new Set());
  return sums;
}

for (const path of positionals) {
  const files = statSync(path).isDirectory() ? readdirSync(path).map((file) => join(path, file)) : [path];
  for (const file of files.filter((name) => name.endsWith('.cpuprofile'))) {
    const sums = summarise(JSON.parse(readFileSync(file, 'utf8')));
    const idle = sums.get('(idle)')?.own ?? 0;
    const busy = [...sums.values()].reduce((sum, { own }) => sum + own, 0) - idle;
    const percent = (time: number): string => ((100 * time) / busy).toFixed(1).padStart(5);
    console.log(`\n${file}: ${(busy / 1e6).toFixed(2)} s busy\n  own %  with callees %`);
    const sorted = [...sums]
      .filter(([name]) => name !== '(idle)' && name !== '(root)')
      .sort((a, b) => b[1].own - a[1].own);
    for (const [name, { own, all }] of sorted.slice(0, Number(options.top))) {
      console.log(`  ${percent(own)}  ${percent(all)}  ${name}`);
    }
  }
}
