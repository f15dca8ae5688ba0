import { expect } from 'chai';
import { versionFinding } from '../../src/store/mongo/server-check.ts';

describe('builds of MongoDB', () => {
  it('CVE-2025-14847 the safe ones of each series pass', () => {
    for (const version of ['6.0.27', '7.0.28', '7.0.30', '8.0.17', '8.2.3', '8.3.0', '9.0.0']) {
      expect(versionFinding(version), version).to.include({ level: 'ok', detail: version });
    }
  });

  it('CVE-2025-14847 all others are a fault that says what to do', () => {
    for (const version of ['6.0.26', '7.0.27', '8.0.16', '8.2.2']) {
      expect(versionFinding(version), version).to.include({ level: 'fault' });
      expect(versionFinding(version).detail).to.match(/update to \d\.\d\.\d+ or newer/);
    }
    for (const version of ['6.3.2', '7.1.0', '8.1.9']) {
      expect(versionFinding(version).detail, version).to.match(/update to another series/);
    }
    for (const version of ['4.4.30', '5.0.32']) {
      expect(versionFinding(version).detail, version).to.match(/too old/);
    }
  });
});
