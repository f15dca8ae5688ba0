/** docs/threat-coverage.md tells the truth: every threat has a test that names it, or a written reason. */
import { globSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { MUTANTS, NO_MUTANT } from '../mutants/mutants.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

describe('threat coverage', () => {
  const page = readFileSync(`${ROOT}docs/threat-coverage.md`, 'utf8');
  const numbers = [...page.matchAll(/^\| (ML|AC|MT|OA|WB|RL) \| ([\d ]+) \|$/gm)].flatMap(
    ([, section, list = '']) => list.split(' ').map((number) => `${section}-${number}`),
  );
  const reasons = new Set(
    [...page.matchAll(/^\| ([A-Z]{2}-\d+) \| [^|]+ \| [^|]+ \|$/gm)].map(([, id]) => id),
  );
  // Of tests that are made from a table, each row begins with its title.
  const titles = globSync('test/**/*.ts', { cwd: ROOT })
    .map((file) => readFileSync(`${ROOT}${file}`, 'utf8'))
    .flatMap((text) => text.match(/\b(?:it|describe)\(\s*['"`].*|^\s*\[\s*'[A-Z]{2}-\d.*/gm) ?? []);
  const named = new Set(titles.join('\n').match(/\b[A-Z]{2}-\d+\b/g));

  it('every number has a test that names it or a reason', () => {
    expect(numbers.length).to.be.above(100);
    expect(numbers.filter((id) => !named.has(id) && !reasons.has(id))).to.deep.equal([]);
  });

  it('every reason is about a number that exists', () => {
    expect([...reasons].filter((id) => !numbers.includes(String(id)))).to.deep.equal([]);
  });

  it('every threat of mail and web with a test has a mutant that it has to notice, or a reason', () => {
    const broken = new Set([...MUTANTS.map(({ id }) => id), ...Object.keys(NO_MUTANT)]);
    const owed = numbers.filter((id) => /^(?:ML|WB)-/.test(id) && !reasons.has(id) && !broken.has(id));
    expect(owed).to.deep.equal([]);
  });
});
