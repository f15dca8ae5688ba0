/**
 * mocha's dots, and loudly every test that failed once and passed when it was run again. CI gives a test a second try,
 * because these run two servers against a stand-in for MongoDB on whatever machine there is; what needed it is still a
 * defect, of the test or of the code, and is named with its error so that somebody can mend it.
 */
import Mocha from 'mocha';

interface Retried {
  fullTitle(): string;
}

class UnsteadyReporter extends Mocha.reporters.Dot {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const unsteady = new Map<string, string>();
    runner.on('retry', (test: Retried, fault: Error) => {
      const title = test.fullTitle();
      unsteady.set(title, `UNSTEADY, failed at the first try: ${title}\n${fault.stack ?? fault.message}`);
    });
    // What failed both times is told as a failure.
    runner.on('fail', (test: Retried) => void unsteady.delete(test.fullTitle()));
    runner.once('end', () => {
      if (unsteady.size > 0) process.stdout.write(`\n${[...unsteady.values()].join('\n\n')}\n`);
    });
  }
}

// mocha loads a reporter by `require` and takes what this gives for the class.
export { UnsteadyReporter as 'module.exports' };
