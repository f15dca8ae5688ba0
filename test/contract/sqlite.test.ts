import { openTwoSqliteStores } from '../support/store-sqlite.ts';
import { storeContract } from './store-contract.ts';

storeContract('sqlite', openTwoSqliteStores);
