/**
 * Runs every example against a Postern of its own and signs in with each. Anything that is missing is a failure: a
 * language that cannot be tried here has not been tried.
 *
 *   examples/run-all [name…]     all of them, or those that are named
 */

import { checksOf, FOR_CHECKS } from '../test/conformance/example-checks.ts';
import { EXAMPLES, Example, type ExampleName } from '../test/conformance/example-clients.ts';
import { Postern } from '../test/conformance/postern.ts';
import { closeBrowser } from '../test/support/chromium.ts';

const score = { passed: 0, failed: 0 };

async function attempt(title: string, run: () => Promise<void>, diagnose: () => string): Promise<boolean> {
  try {
    await run();
    score.passed += 1;
    console.log(`  ✔ ${title}`);
    return true;
  } catch (error) {
    score.failed += 1;
    console.log(`  ✘ ${title}\n${indented(String(error instanceof Error ? error.message : error))}`);
    const output = diagnose().trim();
    if (output !== '') console.log(indented(`--- last output\n${output}`));
    return false;
  }
}

const indented = (text: string): string => text.replace(/^/gm, '    ');

/** A failed step ends this example's row: what comes after it would only fail because of it. */
async function tryExample(example: Example, postern: Postern): Promise<void> {
  console.log(example.name);
  const diagnose = () => `${example.output}\n${postern.output}`;
  try {
    const steps = [
      { title: 'installs', run: () => example.prepare() },
      { title: 'starts', run: () => example.start(postern.issuer) },
      ...checksOf(example, postern),
    ];
    for (const { title, run } of steps) {
      if (!(await attempt(title, run, diagnose))) break;
    }
  } finally {
    await example.stop();
  }
}

const isExample = (name: string): name is ExampleName => EXAMPLES.some((known) => known === name);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !isExample(name));
if (unknown.length > 0) {
  console.error(`No such example: ${unknown.join(', ')}. There are ${EXAMPLES.join(', ')}.`);
  process.exit(2);
}
const names = wanted.length > 0 ? EXAMPLES.filter((name) => wanted.includes(name)) : EXAMPLES;
const examples: Example[] = [];
for (const name of names) examples.push(await Example.withPort(name));

let postern: Postern | undefined;
const registrations = Object.fromEntries(examples.map(({ name, registration }) => [name, registration]));
const started = await attempt(
  'Postern starts',
  async () => {
    postern = await Postern.start({ ...FOR_CHECKS, clients: { ...FOR_CHECKS.clients, ...registrations } });
  },
  () => '',
);
if (started && postern) {
  for (const example of examples) await tryExample(example, postern);
  await closeBrowser();
  await postern.stop();
}
console.log(`${score.passed} passed, ${score.failed} failed`);
process.exitCode = score.failed === 0 ? 0 : 1;
