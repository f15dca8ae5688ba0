/** Hashes of other systems, each with a published value where there is one. */
import { argon2Sync, pbkdf2Sync } from 'node:crypto';
import { expect } from 'chai';
import { hashArgon2id, isAsStrong } from '../../src/methods/password/hashes/argon2.ts';
import { isMatch, readStoredHash } from '../../src/methods/password/hashes/stored-hash.ts';
import { HashingPool } from '../../src/methods/password/hashing.ts';
import { storedForm } from '../../src/methods/password/imported-hash.ts';
import { faultOf } from '../../src/methods/password/policy.ts';

const SIGNER = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==';
const FIREBASE = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==';
const SALT = Buffer.from('0123456789abcdef');
const bare = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');

/** [where it is from, hash, password] */
const VECTORS: readonly (readonly [string, string, string])[] = [
  [
    'passlib, PBKDF2',
    '$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk',
    'toomanysecrets',
  ],
  [
    'passlib, Argon2i',
    '$argon2i$v=19$m=512,t=2,p=2$aI2R0hpDyLm3ltLa+1/rvQ$LqPKjd6n8yniKtAithoR7A',
    'password',
  ],
  ['bcrypt', '$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW', 'abc123xyz'],
  ['Firebase', `firebase-scrypt$8$14$42xEC+ixf3L2lw==$Bw==$${SIGNER}$${FIREBASE}`, 'user1password'],
  [
    'Django',
    `pbkdf2_sha256$1000$saltOfDjango$${pbkdf2Sync('django', 'saltOfDjango', 1000, 32, 'sha256').toString('base64')}`,
    'django',
  ],
];

describe('password hashes', () => {
  for (const [name, hash, password] of VECTORS) {
    it(`verifies ${name}, and nothing else with it`, async () => {
      const verifier = readStoredHash(hash);
      if (!verifier) throw new Error('not read');
      expect(await isMatch(verifier, Buffer.from(password))).to.equal(true);
      expect(await isMatch(verifier, Buffer.from(`${password}x`))).to.equal(false);
    });
  }

  it('reads what Keycloak exports', async () => {
    const value = pbkdf2Sync('keycloak', SALT, 500, 64, 'sha512').toString('base64');
    const stored = storedForm({
      secretData: JSON.stringify({ value, salt: SALT.toString('base64'), additionalParameters: {} }),
      credentialData: JSON.stringify({
        hashIterations: 500,
        algorithm: 'pbkdf2-sha512',
        additionalParameters: {},
      }),
    });
    const verifier = readStoredHash(stored ?? '');
    expect(verifier && (await isMatch(verifier, Buffer.from('keycloak')))).to.equal(true);
    const options = { nonce: SALT, parallelism: 1, tagLength: 32, memory: 7168, passes: 5 };
    const tag = argon2Sync('argon2id', { ...options, message: Buffer.from('keycloak') });
    const newer = storedForm({
      secretData: JSON.stringify({ value: tag.toString('base64'), salt: SALT.toString('base64') }),
      credentialData: JSON.stringify({
        hashIterations: 5,
        algorithm: 'argon2',
        additionalParameters: {
          hashLength: ['32'],
          memory: ['7168'],
          type: ['id'],
          version: ['1.3'],
          parallelism: ['1'],
        },
      }),
    });
    const second = readStoredHash(newer ?? '');
    expect(second && (await isMatch(second, Buffer.from('keycloak')))).to.equal(true);
  });

  it('AC-16 refuses hashes that would take more work than the house can bear', () => {
    const hash = bare(Buffer.alloc(32, 1));
    const costly = [
      `$argon2id$v=19$m=99999999,t=2,p=1$${bare(SALT)}$${hash}`,
      `$argon2id$v=19$m=19456,t=999,p=1$${bare(SALT)}$${hash}`,
      `$scrypt$ln=30,r=8,p=1$${bare(SALT)}$${hash}`,
      `$pbkdf2-sha256$99999999$${bare(SALT)}$${hash}`,
      '$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
    ];
    for (const one of costly) expect(readStoredHash(one), one).to.equal(undefined);
    for (const none of ['', 'plain', 'md5$abc', '$1$salt$hash', 'x'.repeat(5000)])
      expect(readStoredHash(none)).to.equal(undefined);
  });

  it('writes Argon2id, and knows a weaker one', async () => {
    const hash = await hashArgon2id(Buffer.from('a'), { memory: 8192, passes: 1 });
    expect(hash).to.match(/^\$argon2id\$v=19\$m=8192,t=1,p=1\$/);
    expect(isAsStrong(hash, { memory: 8192, passes: 1 })).to.equal(true);
    expect(isAsStrong(hash, { memory: 19456, passes: 2 })).to.equal(false);
    expect(isAsStrong(VECTORS[2]?.[1] ?? '', { memory: 8, passes: 1 })).to.equal(false);
  });

  it('AC-15 refuses all of the 3,000 most used that are long enough to be asked about', async () => {
    const { dictionary } = await import('@zxcvbn-ts/language-common');
    const first = dictionary['passwords-common'].filter((word) => word.length >= 8).slice(0, 3000);
    const faults = await Promise.all(first.map((word) => faultOf(word, { minLength: 8, words: [] })));
    expect(new Set(faults)).to.deep.equal(new Set(['too_common']));
  });

  it('AC-15 a megabyte is refused without being looked at', async () => {
    expect(await faultOf('é'.repeat(1_000_000), { minLength: 8, words: [] })).to.equal('too_long');
  });
});

describe('the pool of hashes', () => {
  it('AC-16 takes two at a time, one of each app in turn, and is busy over its bound', async () => {
    const pool = new HashingPool();
    const gate = Promise.withResolvers<void>();
    const order: string[] = [];
    let running = 0;
    let most = 0;
    const work = (app: string) =>
      pool.run(app, async () => {
        running += 1;
        most = Math.max(most, running);
        await gate.promise;
        order.push(app);
        running -= 1;
        return app;
      });
    const flood = Array.from({ length: 120 }, () => work('flooded'));
    const other = work('other');
    gate.resolve();
    const answers = await Promise.all(flood);
    expect(await other).to.equal('other');
    expect(most).to.equal(2);
    expect(answers.filter((answer) => answer === 'busy').length).to.be.above(20);
    expect(order.indexOf('other')).to.be.below(6);
  });
});
