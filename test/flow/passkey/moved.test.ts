import { expect } from 'chai';
import { buildServer } from '../../../src/app.ts';
import { configFile } from '../../../src/config/schema.ts';
import type { Log } from '../../../src/lib/log.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { openStore } from '../../../src/store/open.ts';
import { startPostern } from '../../support/harness.ts';
import { enrol, PASSKEY_APPS } from '../../support/passkeys.ts';

describe('passkeys: another domain', () => {
  it('the log of a start says that the passkeys of the former domain are of no use any more; a start without a change says nothing', async () => {
    const harness = await startPostern({ apps: PASSKEY_APPS });
    try {
      await enrol(harness);
      const warnings: string[] = [];
      const log: Log = { ...silentLog, warn: (_fields, message) => void warnings.push(message) };
      const start = async (baseUrl: string) => {
        const { apps } = configFile.parse({ apps: PASSKEY_APPS });
        const store = openStore(harness.config.storeUrl);
        const server = await buildServer(
          { ...harness.config, apps, baseUrl },
          { log, store, clock: harness.clock },
        );
        await server.warmUp();
        await server.close();
      };
      await start(harness.url);
      expect(warnings.join()).not.to.include('passkeys');
      await start('http://auth.moved.example');
      expect(warnings.join()).to.include(
        'passkeys made for localhost can be used by nobody, they belong to auth.moved.example now',
      );
    } finally {
      await harness.close();
    }
  });
});
