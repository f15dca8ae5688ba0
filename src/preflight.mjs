/**
 * Refuses a Node that is too old, in words. Plain JavaScript of old standing and imported before anything else,
 * because an older Node cannot even read the TypeScript files that would complain.
 */
const OLDEST = 24;

const [major] = process.versions.node.split('.');
if (Number(major) < OLDEST) {
  process.stderr.write(
    `Postern needs Node ${OLDEST} or newer, and this is ${process.version}.\n` +
      'Run "npm ci" in the folder of Postern: it installs the right Node beside the other packages, and npm scripts\n' +
      '(npm start, npm test, npm run postern) use it. On a platform without such a package, install Node from nodejs.org.\n',
  );
  process.exit(1);
}
