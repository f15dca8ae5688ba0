import { openMongoWithMaintenance, openTwoMongoStores } from '../support/store-mongo.ts';
import { maintenanceContract } from './store/maintenance.ts';
import { storeContract } from './store-contract.ts';

storeContract('mongodb', openTwoMongoStores);
maintenanceContract('mongodb', openMongoWithMaintenance);
