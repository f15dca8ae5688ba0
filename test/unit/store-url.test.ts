import { expect } from 'chai';
import { storeUrlFault } from '../../src/config/store-url.ts';

describe('STORE_URL', () => {
  for (const url of [
    'sqlite:data/postern.db',
    'mongodb://localhost/postern',
    'mongodb://a:1,b.example:2,[::1]:3/postern?replicaSet=x&tls=true',
    'mongodb://user:p%40ss%2Fword@host/postern',
    'mongodb+srv://user:secret@cluster.example.net/postern?authSource=admin',
  ]) {
    it(`takes ${url}`, () => expect(storeUrlFault(url)).to.equal(undefined));
  }

  const faulty: readonly (readonly [what: string, url: string, fault: RegExp])[] = [
    ['another kind', 'postgres://u:pass-word@h/x', /sqlite:path or mongodb/],
    ['no host', 'mongodb:///postern', /sqlite:path or mongodb/],
    ['no database', 'mongodb://u:pass-word@host', /name the database/],
    ['no database before options', 'mongodb://u:pass-word@host/?w=1', /name the database/],
    ['a database that cannot be', 'mongodb://host/a.b', /name the database/],
    ['a bare @ in the password', 'mongodb://u:pass-word@x@host/postern', /percent-encoded/],
    ['a bare : in the password', 'mongodb://u:pass-word:x@host/postern', /percent-encoded/],
    ['a bare % in the password', 'mongodb://u:pass-word%@host/postern', /percent-encoded/],
    ['a password without a user', 'mongodb://:pass-word@host/postern', /percent-encoded/],
    ['a bare / in the password', 'mongodb://u:pass-word/x@host/postern', /hosts|database|percent/],
    ['a port that is none', 'mongodb://u:pass-word@host:x/postern', /host:port/],
    ['several hosts behind srv', 'mongodb+srv://a,b/postern', /one host/],
    ['a port behind srv', 'mongodb+srv://a:1/postern', /one host/],
    ['an option without a value', 'mongodb://host/postern?tls', /name=value/],
  ];
  for (const [what, url, fault] of faulty) {
    it(`ML-02 refuses ${what}, quoting nothing of it`, () => {
      expect(storeUrlFault(url)).to.match(fault);
      expect(storeUrlFault(url)).not.to.include('pass-word');
    });
  }
});
