/**
 * The contract of every store: each promise of src/store/port.ts, seen through two connections on the same data. A
 * backend's own test is ten lines: open two stores, pass them here.
 */
import type { Store } from '../../src/store/port.ts';
import { artifactMarkContract } from './store/artifact-marks.ts';
import { artifactContract } from './store/artifacts.ts';
import { counterContract } from './store/counters.ts';
import { dataContract } from './store/data.ts';
import { housekeepingContract } from './store/housekeeping.ts';
import { nameContract } from './store/names.ts';
import { oneTimeContract } from './store/one-time.ts';
import { recordListContract } from './store/record-lists.ts';
import { recordContract } from './store/records.ts';

/** Two independent instances on the same, initially empty data; `prepare` has been called on both. */
export interface Opening {
  readonly first: Store;
  readonly second: Store;
  /** The server is SecantusDB, whose unique indexes never forget a value that was updated (docs/adr/0007). */
  readonly keepsMovedKeys?: boolean;
  close(): Promise<void>;
}

/** Gives the opening that is in use; the parts call it inside their tests. */
export type Opened = () => Opening;

export function storeContract(name: string, open: () => Promise<Opening>): void {
  describe(`store contract: ${name}`, () => {
    let opening: Opening | undefined;
    before(async () => {
      opening = await open();
    });
    after(() => opening?.close());
    const opened: Opened = () => {
      if (!opening) throw new Error('the store was not opened');
      return opening;
    };

    describe('records', () => recordContract(opened));
    describe('records: lists and due', () => recordListContract(opened));
    describe('one-time values', () => oneTimeContract(opened));
    describe('artifacts', () => artifactContract(opened));
    describe('artifacts: marks', () => artifactMarkContract(opened));
    describe('counters', () => counterContract(opened));
    describe('data', () => dataContract(opened));
    describe('names', () => nameContract(opened));
    describe('housekeeping', () => housekeepingContract(opened, open));
  });
}
