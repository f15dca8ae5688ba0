/** A search and then an insert, which is what an upsert is too: between the two another one may put the same id there. */
import { isDuplicate } from './mongo-fault.ts';

/** In each round some other caller got through, so only one that is outrun this often in a row gives up. */
const ROUNDS = 16;

/** For writes that search by id alone, where a taken id says nothing but "again, it is there now". */
export async function untilNoDuplicate<T>(write: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round += 1) {
    try {
      return await write();
    } catch (thrown) {
      if (!isDuplicate(thrown) || round === ROUNDS) throw thrown;
    }
  }
}
