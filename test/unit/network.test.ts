import { expect } from 'chai';
import { networkOf } from '../../src/lib/network.ts';

describe('network of an address', () => {
  it('WB-07 every address of an IPv6 /64 is one, however it is written', () => {
    for (const address of [
      '2a00:1450:4001:80e::200e',
      '2a00:1450:4001:80e:ffff:0:0:1',
      '2A00:1450:4001:080E:0:0:0:0',
      '2a00:1450:4001:80e::1.2.3.4',
    ]) {
      expect(networkOf(address), address).to.equal('2a00:1450:4001:80e::/64');
    }
    expect(networkOf('2a00:1450:4001:80f::200e')).to.equal('2a00:1450:4001:80f::/64');
    expect(networkOf('2a00::1')).to.equal('2a00:0:0:0::/64');
  });

  it('WB-07 an IPv4 address is its own', () => {
    expect(networkOf('8.8.8.8')).to.equal('8.8.8.8');
    expect(networkOf('8.8.8.9')).to.equal('8.8.8.9');
  });

  it('counts nothing for a proxy that nobody has named, for the own network and for what is no address', () => {
    for (const address of [
      '127.0.0.1',
      '10.1.2.3',
      '192.168.0.7',
      '::1',
      'fe80::1%eth0',
      'fd00::1',
      '',
      'x',
    ]) {
      expect(networkOf(address), address).to.equal(undefined);
    }
  });
});
