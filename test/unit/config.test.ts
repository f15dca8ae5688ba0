import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { closestTo } from '../../src/config/fault.ts';
import { isGuessableKey, isGuessableText } from '../../src/config/secret-strength.ts';
import { configOf, faultsOf, HOOK_SECRET, PRODUCTION, RSA_KEY, Workplace } from './config.fixture.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', 'config', 'example.yaml');
const pressVariables = [...readFileSync(EXAMPLE, 'utf8').matchAll(/\$\{(PRESS_\w+)\}/g)]
  .map(([, name = '']) => name)
  .filter((name) => name !== 'PRESS_HOOK_SECRET');
const SECRET = 'k3Jw9qXv7Zt1Lm5Np8Rb2Yc4Gd6Hf0Sa';

/** How a file names a variable of the environment. */
const variable = (name: string): string => ['$', '{', name, '}'].join('');

/** One app `shop`, with these lines in it. */
const shop = (...lines: string[]): string =>
  ['apps:', '  shop:', '    name: Shop', ...lines.map((line) => `    ${line}`)].join('\n');

/** One client `web` in it, with these keys in flow form. */
const client = (keys: string): string => shop(`clients: { web: { ${keys} } }`);
const publicClient = (keys: string): string => client(`token_endpoint_auth_method: none, ${keys}`);
const withUri = (uri: string, more = ''): string => publicClient(`redirect_uris: ['${uri}']${more}`);

describe('configuration file', () => {
  const place = new Workplace();
  after(() => place.remove());

  it('fills in every default', () => {
    const config = configOf(place.load(PRODUCTION, withUri('https://shop.example/callback')));
    expect(config.apps.shop).to.deep.include({
      name: 'Shop',
      locale: 'en',
      brand: { accent: '#4f46e5' },
      sign_up: 'open',
      methods: { magic_link: { lifetime: 600_000, code: true, link_secret: 'fragment' } },
      mail: {
        suppression: { bounced: 90 * 86_400_000, complained: 365 * 86_400_000, soft_bounce_days: 5 },
        log_retention: 30 * 86_400_000,
        image_hosts: [],
      },
      limits: { resend_after: 30_000, mails_per_mailbox: 10, mails_per_network: 300, mails_per_app: 10_000 },
    });
    expect(config.apps.shop?.lifetimes).to.deep.equal({
      session_idle: 14 * 86_400_000,
      session_absolute: 30 * 86_400_000,
      session_cookie: 'persistent',
      access_token: 600_000,
      id_token: 3_600_000,
      refresh_token_idle: 14 * 86_400_000,
      refresh_token_absolute: 90 * 86_400_000,
      refresh_token_grace: 30_000,
    });
    expect(config.apps.shop?.clients.web).to.deep.equal({
      redirect_uris: ['https://shop.example/callback'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      backchannel_logout_session_required: false,
      application_type: 'web',
      id_token_signed_response_alg: 'RS256',
      require_auth_time: false,
      subject_type: 'public',
      first_party: true,
      refresh_tokens: 'always',
      refresh_token_rotation: true,
      allowed_origins: [],
      require_pushed_authorization_requests: false,
      dpop_bound_access_tokens: false,
      require_pkce: true,
    });
  });

  it('example.yaml is accepted in production', () => {
    const env = {
      ...PRODUCTION,
      SHOP_SMTP_URL: 'smtps://u:p@mail.shop.example',
      SHOP_BACKEND_SECRET: SECRET,
      SHOP_DKIM_KEY: RSA_KEY,
      PRESS_HOOK_SECRET: HOOK_SECRET,
      ...Object.fromEntries(pressVariables.map((name) => [name, `value-of-${name}`])),
    };
    const config = configOf(place.load({ ...env, CONFIG: EXAMPLE }));
    expect(Object.keys(config.apps)).to.deep.equal(['shop', 'press', 'studio']);
    expect(config.apps.press?.mail.transports).to.have.length(8);
    expect(config.apps.shop?.mail.smtp_url).to.equal(env.SHOP_SMTP_URL);
  });

  it('example.yaml shows every key that the schema knows', () => {
    const schema: unknown = JSON.parse(readFileSync(join(EXAMPLE, '..', 'schema.json'), 'utf8'));
    const keys = new Set<string>();
    const collect = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [name, value] of Object.entries(node)) {
        if (name === 'properties') for (const key of Object.keys(value)) keys.add(key);
        collect(value);
      }
    };
    collect(schema);
    expect(keys.size).to.be.greaterThan(40);
    const text = readFileSync(EXAMPLE, 'utf8');
    expect([...keys].filter((key) => !new RegExp(`\\b${key}:`).test(text))).to.deep.equal([]);
  });

  it('the development file has two apps with their own looks and the demonstration clients', () => {
    const { apps } = configOf(place.load({ BASE_URL: 'http://localhost:4567' }));
    expect(Object.keys(apps)).to.deep.equal(['shop', 'studio']);
    expect(apps.shop?.brand.accent).to.not.equal(apps.studio?.brand.accent);
    expect(apps.shop?.brand.logo)
      .to.match(/^data:image\/svg/)
      .and.not.equal(apps.studio?.brand.logo);
    expect(apps.studio?.clients.demo).to.deep.include({
      redirect_uris: ['http://localhost:4567/demo/callback/studio'],
      post_logout_redirect_uris: ['http://localhost:4567/demo'],
      token_endpoint_auth_method: 'none',
      first_party: true,
    });
    expect(apps.shop?.clients['demo-partner']).to.deep.include({
      redirect_uris: [
        'http://localhost:4567/demo/callback/shop',
        'http://localhost:4567/demo/callback/shop-partner',
      ],
      first_party: false,
    });
  });

  it('MT-02 has no apps or clients by inherited names', () => {
    const { apps } = configOf(place.load(PRODUCTION, withUri('https://a.example/')));
    expect(apps.constructor).to.equal(undefined);
    expect(apps.shop?.clients.constructor).to.equal(undefined);
  });

  it('keeps of a client secret the hash only', () => {
    const yaml = client(`redirect_uris: ['https://a.example/'], client_secret: '${variable('WEB_SECRET')}'`);
    const web = configOf(place.load({ ...PRODUCTION, WEB_SECRET: SECRET }, yaml)).apps.shop?.clients.web;
    expect(web).to.not.have.property('client_secret');
    // printf %s "$SECRET" | openssl dgst -sha256 -binary | base64url
    expect(web?.client_secret_hash).to.equal('sha256:-1-HXR9139ukKRAtAUp7F7CAog4bVgwVjjyWFBbSCgQ');
  });

  describe('RL-20 refuses', () => {
    /** [what is wrong, file, path, part of the message, environment beside PRODUCTION] */
    const wrong: readonly (readonly [string, string, string, RegExp, NodeJS.ProcessEnv?])[] = [
      ['an empty file', '', '', /must be a mapping/],
      ['a file that is a list', '- a', '', /must be a mapping/],
      ['broken YAML', 'apps:\n  shop: [', '', /\(line \d\)/],
      ['a key written twice', 'apps:\n  shop: { name: A }\n  shop: { name: B }', '', /unique.*\(line 3\)/],
      ['an unknown tag', 'apps: !secret x', '', /tag/i],
      ['an unknown key at the top', 'apps: {}\nappz: {}', 'appz', /did you mean apps\?/],
      ['an unknown key in an app', shop('lifetime: {}'), 'apps.shop.lifetime', /did you mean lifetimes\?/],
      ['an unknown key that is near none', shop('xyz: 1'), 'apps.shop.xyz', /known are name, issuer/],
      [
        'a key that has a meaning to JavaScript',
        shop('__proto__: {}'),
        'apps.shop.__proto__',
        /not a possible name/,
      ],
      ['a missing name', 'apps:\n  shop: {}', 'apps.shop.name', /is missing \(line 2\)/],
      [
        'a name with a line end (ML-61)',
        'apps: { shop: { name: "A\\nBcc: x" } }',
        'apps.shop.name',
        /no control/,
      ],
      ['a name that is a number', 'apps: { shop: { name: 3 } }', 'apps.shop.name', /must be text/],
      ['a slug in capitals (MT-03)', 'apps: { Shop: { name: A } }', 'apps.Shop', /a slug has/],
      ['a slug with a dot (MT-03)', 'apps: { a.b: { name: A } }', 'apps["a.b"]', /a slug has/],
      ['a reserved slug', 'apps: { api: { name: A } }', 'apps.api', /are reserved/],
      ['a colour by name', shop('brand: { accent: red }'), 'apps.shop.brand.accent', /#rrggbb/],
      [
        'a logo from elsewhere (WB-03)',
        shop('brand: { logo: https://x/y.svg }'),
        'apps.shop.brand.logo',
        /data: URL/,
      ],
      ...(
        [
          ['with a query (ML-05)', 'https://www.shop.example/logo.png?u=1', /no \? and no #/],
          ['with an empty query (ML-05)', 'https://www.shop.example/logo.png?', /no \? and no #/],
          ['with a fragment (ML-05)', 'https://www.shop.example/logo.png#x', /no \? and no #/],
          [
            'with a field of the mail (ML-05)',
            'https://www.shop.example/{{to}}.png',
            /a host name and a path/,
          ],
          [
            'with an address (ML-05)',
            'https://www.shop.example/ann@example.org.png',
            /a host name and a path/,
          ],
          ['with credentials', 'https://a:b@www.shop.example/logo.png', /without port or credentials/],
          ['at a port', 'https://www.shop.example:8443/logo.png', /without port/],
          ['at a number', 'https://10.0.0.7/logo.png', /a host name/],
          ['with dots in its path', 'https://www.shop.example/a/../logo.png', /a path/],
          ['by http', 'http://www.shop.example/logo.png', /https/],
          ['as data, which Gmail and Outlook do not show', 'data:image/png;base64,AAAA', /https/],
          ['as SVG', 'https://www.shop.example/logo.svg', /no SVG/],
        ] as const
      ).map(
        ([what, url, message]) =>
          [
            `a logo of the mails ${what}`,
            shop(`brand: { mail_logo: { url: "${url}" } }`),
            'apps.shop.brand.mail_logo.url',
            message,
          ] as const,
      ),
      [
        'a logo that nobody can see (ML-05)',
        shop('brand: { mail_logo: { url: "https://www.shop.example/a.png", width: 1 } }'),
        'apps.shop.brand.mail_logo.width',
        /16/,
      ],
      [
        'a support link that is script (AD-08)',
        shop('brand: { support: "javascript:a" }'),
        'apps.shop.brand.support',
        /https/,
      ],
      ['a misspelt sign_up', shop('sign_up: opne'), 'apps.shop.sign_up', /did you mean open\?/],
      [
        'a sign_up of another form',
        shop('sign_up: { domain: [a.example] }'),
        'apps.shop.sign_up.domains',
        /is missing/,
      ],
      [
        'a domain that is none',
        shop('sign_up: { domains: [a.example, "@b"] }'),
        'apps.shop.sign_up.domains[1]',
        /a domain/,
      ],
      ['no methods', shop('methods: {}'), 'apps.shop.methods', /at least one method/],
      ['a method left empty', shop('methods: { magic_link: }'), 'apps.shop.methods.magic_link', /a mapping/],
      [
        'a link that lives too long (ML-14)',
        shop('methods: { magic_link: { lifetime: 11m } }'),
        'apps.shop.methods.magic_link.lifetime',
        /between 1m and 10m/,
      ],
      [
        'a duration without a unit',
        shop('lifetimes: { session_idle: 14 }'),
        'apps.shop.lifetimes.session_idle',
        /must be text/,
      ],
      [
        'a duration with another unit',
        shop('lifetimes: { session_idle: 1y }'),
        'apps.shop.lifetimes.session_idle',
        /such as 10m/,
      ],
      [
        'idle longer than absolute (OA-24)',
        shop('lifetimes: { refresh_token_idle: 91d }'),
        'apps.shop.lifetimes.refresh_token_idle',
        /not be longer/,
      ],
      [
        'a limit of nought',
        shop('limits: { mails_per_mailbox: 0 }'),
        'apps.shop.limits.mails_per_mailbox',
        />=1/,
      ],
      [
        'a broken half number',
        shop('limits: { mails_per_mailbox: 1.5 }'),
        'apps.shop.limits.mails_per_mailbox',
        /whole number/,
      ],
      [
        'a sender with two addresses (ML-60)',
        shop('mail: { from: "a@x.com, b@y.com" }'),
        'apps.shop.mail.from',
        /Name <address>/,
      ],
      [
        'an smtp_url of another scheme',
        shop('mail: { smtp_url: http://x }'),
        'apps.shop.mail.smtp_url',
        /smtp:/,
      ],
      ['no mail server anywhere', shop(), 'apps.shop.mail', /set SMTP_URL/, { SMTP_URL: '' }],
      ['an http issuer', shop('issuer: http://a.example'), 'apps.shop.issuer', /https in production/],
      ['an issuer with a slash', shop('issuer: https://a.example/'), 'apps.shop.issuer', /end in a slash/],
      ['an issuer with a query', shop('issuer: https://a.example?x'), 'apps.shop.issuer', /query/],
      ['an issuer with a fragment', shop('issuer: "https://a.example#x"'), 'apps.shop.issuer', /fragment/],
      [
        'an issuer with credentials',
        shop('issuer: https://u:p@a.example'),
        'apps.shop.issuer',
        /credentials/,
      ],
      [
        'an issuer in capitals (MT-02)',
        shop('issuer: https://A.example/x'),
        'apps.shop.issuer',
        /written https:\/\/a\.example\/x/,
      ],
      [
        'an issuer with dots in its path (MT-02)',
        shop('issuer: https://a.example/x/../y'),
        'apps.shop.issuer',
        /written https:\/\/a\.example\/y/,
      ],
      [
        'an issuer with an escaped path (MT-02)',
        shop('issuer: https://a.example/%61'),
        'apps.shop.issuer',
        /only letters/,
      ],
      [
        'an issuer under a reserved path',
        shop('issuer: https://a.example/api/x'),
        'apps.shop.issuer',
        /reserved/,
      ],
      [
        'two apps with one issuer (MT-02)',
        'apps:\n  a: { name: A, issuer: "https://x.example" }\n  b: { name: B, issuer: "https://x.example" }',
        'apps.b.issuer',
        /same as that of app a/,
      ],
      [
        'an issuer below another one (MT-02)',
        'apps:\n  a: { name: A }\n  b: { name: B, issuer: "https://id.example/a/b" }',
        'apps.b.issuer',
        /one under the other/,
      ],
      [
        'an issuer above another one (MT-02)',
        'apps:\n  a: { name: A }\n  b: { name: B, issuer: "https://id.example" }',
        'apps.b.issuer',
        /one under the other/,
      ],
      [
        'a client id with a space',
        shop('clients: { "a b": { redirect_uris: [] } }'),
        'apps.shop.clients["a b"]',
        /client id/,
      ],
      [
        'a misspelt client key',
        publicClient("redirect_uris: ['https://a/'], redirectUris: []"),
        'apps.shop.clients.web.redirectUris',
        /mean redirect_uris/,
      ],
      [
        'no redirect URI',
        publicClient('redirect_uris: []'),
        'apps.shop.clients.web.redirect_uris',
        /is missing/,
      ],
      [
        'sector_identifier_uri',
        withUri('https://a/', ', sector_identifier_uri: https://x'),
        'apps.shop.clients.web.sector_identifier_uri',
        /not supported/,
      ],
      [
        'an unknown signature',
        withUri('https://a/', ', id_token_signed_response_alg: none'),
        'apps.shop.clients.web.id_token_signed_response_alg',
        /RS256 or ES256/,
      ],
      [
        'another response type (OA-13)',
        withUri('https://a/', ', response_types: [token]'),
        'apps.shop.clients.web.response_types[0]',
        /must be code/,
      ],
      [
        'a client that cannot sign anyone in',
        withUri('https://a/', ', grant_types: [refresh_token]'),
        'apps.shop.clients.web.grant_types',
        /authorization_code/,
      ],
      [
        'a confidential client without a secret',
        client("redirect_uris: ['https://a/']"),
        'apps.shop.clients.web.client_secret',
        /needs client_secret/,
      ],
      [
        'a public client with a secret',
        withUri('https://a/', `, client_secret: ${SECRET}`),
        'apps.shop.clients.web.client_secret',
        /has no secret/,
      ],
      [
        'a public client with a hash',
        withUri('https://a/', `, client_secret_hash: sha256:${'A'.repeat(43)}`),
        'apps.shop.clients.web.client_secret_hash',
        /has no secret/,
      ],
      [
        'secret and hash',
        client(
          `redirect_uris: ['https://a/'], client_secret: ${SECRET}, client_secret_hash: sha256:${'A'.repeat(43)}`,
        ),
        'apps.shop.clients.web.client_secret_hash',
        /not both/,
      ],
      [
        'a short client secret',
        client("redirect_uris: ['https://a/'], client_secret: short"),
        'apps.shop.clients.web.client_secret',
        />=32/,
      ],
      [
        'an example as client secret',
        client("redirect_uris: ['https://a/'], client_secret: change-me-change-me-change-me-change-me"),
        'apps.shop.clients.web.client_secret',
        /looks like an example/,
      ],
      [
        'a variable that is not set',
        client(`redirect_uris: ['https://a/'], client_secret: '${variable('NOT_SET')}'`),
        'apps.shop.clients.web.client_secret',
        /NOT_SET is not set/,
      ],
      [
        'the master secret as client secret',
        client(`redirect_uris: ['https://a/'], client_secret: '${variable('SECRET_KEY')}'`),
        'apps.shop.clients.web.client_secret',
        /belongs to Postern/,
      ],
      [
        'a variable anywhere else',
        `apps: { shop: { name: '${variable('X')}' } }`,
        'apps.shop.name',
        /only client_secret, smtp_url,.* may name/,
      ],
      [
        'an origin with a path',
        withUri('https://a/', ", allowed_origins: ['https://a/']"),
        'apps.shop.clients.web.allowed_origins[0]',
        /without a path: https:\/\/a/,
      ],
      [
        'any origin',
        withUri('https://a/', ", allowed_origins: ['*']"),
        'apps.shop.clients.web.allowed_origins[0]',
        /without a wildcard/,
      ],
      [
        'an http origin',
        withUri('https://a/', ", allowed_origins: ['http://a']"),
        'apps.shop.clients.web.allowed_origins[0]',
        /must be https/,
      ],
      [
        'a home page that is script (AD-08)',
        withUri('https://a/', ", client_uri: 'javascript:a'"),
        'apps.shop.clients.web.client_uri',
        /https:\/\/ URL/,
      ],
      [
        'an http home page',
        withUri('https://a/', ', client_uri: http://a/'),
        'apps.shop.clients.web.client_uri',
        /must be https/,
      ],
      [
        'an http initiate_login_uri',
        withUri('https://a/', ', initiate_login_uri: http://a/'),
        'apps.shop.clients.web.initiate_login_uri',
        /https:\/\/ URL/,
      ],
    ];
    for (const [what, yaml, path, message, env] of wrong) {
      it(what, () => {
        const faults = faultsOf(place.load({ ...PRODUCTION, ...env }, yaml));
        const prefix = path === '' ? 'CONFIG: ' : `CONFIG: ${path}: `;
        const found = faults.find((fault) => fault.startsWith(prefix) && message.test(fault));
        expect(found, `${prefix} among\n${faults.join('\n')}`).to.not.equal(undefined);
      });
    }
  });

  it('reports all faults of environment and file at once, also of a client whose shape is wrong', () => {
    const faults = faultsOf(
      place.load(
        { ...PRODUCTION, PORT: 'x', BASE_URL: 'http://a' },
        shop(
          'colour: red',
          'clients:',
          '  a: { redirect_uris: ["ftp://a"], secret: x }',
          '  b: { redirect_uris: ["https://b/*"] }',
        ),
      ),
    ).join('\n');
    for (const path of [
      /^PORT: /m,
      /^BASE_URL: /m,
      /^CONFIG: apps\.shop\.colour: .*\(line 4\)$/m,
      /^CONFIG: apps\.shop\.clients\.a\.secret: .*\(line 6\)$/m,
      /^CONFIG: apps\.shop\.clients\.a\.redirect_uris\[0\]: .*\(line 6\)$/m,
      /^CONFIG: apps\.shop\.clients\.b\.redirect_uris\[0\]: .*\(line 7\)$/m,
      /^CONFIG: apps\.shop\.clients\.b\.client_secret: .*\(line 7\)$/m,
    ]) {
      expect(faults).to.match(path);
    }
  });

  it('does not follow aliases that would fill the memory', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'].map((pair) => [...pair])) {
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(', ')}]`);
    }
    expect(faultsOf(place.load(PRODUCTION, bomb.join('\n'))).join()).to.match(/^CONFIG: .*alias/);
  });

  describe('redirect URIs (OA-01, OA-02)', () => {
    const refused = (uri: string, type: string, env: NodeJS.ProcessEnv, method = 'redirect_uris'): string =>
      faultsOf(
        place.load(
          env,
          publicClient(
            method === 'redirect_uris'
              ? `application_type: ${type}, redirect_uris: [${JSON.stringify(uri)}]`
              : `application_type: ${type}, redirect_uris: ['https://a/'], ${method}: [${JSON.stringify(uri)}]`,
          ),
        ),
      ).join();

    /** [URI, web in production, native in production, web in development, native in development] */
    const matrix: readonly (readonly [string, boolean, boolean, boolean, boolean])[] = [
      ['https://shop.example/cb', true, true, true, true],
      ['https://shop.example/cb?x=1', true, true, true, true],
      ['http://shop.example/cb', false, false, false, false],
      ['http://localhost:8080/cb', false, false, true, true],
      ['http://127.0.0.1:8080/cb', false, true, true, true],
      ['http://127.0.0.1/cb', false, true, true, true],
      ['http://[::1]/cb', false, true, true, true],
      ['http://127.0.0.1.evil.example/cb', false, false, false, false],
      ['http://localhost.evil.example/cb', false, false, false, false],
      ['https://127.0.0.1/cb', true, false, true, false],
      ['com.shop.example:/cb', false, true, false, true],
      ['com.shop.example://cb', false, true, false, true],
      ['shop:/cb', false, false, false, false],
      ['javascript:alert(1)', false, false, false, false],
      ['java.script:alert(1)', false, true, false, true],
      ['data:text/html,x', false, false, false, false],
      ['vbscript:x', false, false, false, false],
      ['file:///etc/passwd', false, false, false, false],
      ['blob:https://a/x', false, false, false, false],
      ['about:blank', false, false, false, false],
      ['https://shop.example/cb#x', false, false, false, false],
      ['https://shop.example/cb#', false, false, false, false],
      ['https://*.shop.example/cb', false, false, false, false],
      ['https://shop.example/*', false, false, false, false],
      ['https://ok@evil.example/cb', false, false, false, false],
      ['https://shop.example\\@evil.example/cb', false, false, false, false],
      ['https://shop.example/c\tb', false, false, false, false],
      ['https://shop.example/c b', false, false, false, false],
      ['https://sh\u00f6p.example/cb', false, false, false, false],
      ['/cb', false, false, false, false],
      ['//shop.example/cb', false, false, false, false],
      ['shop.example/cb', false, false, false, false],
      ['https://', false, false, false, false],
    ];
    for (const [uri, ...allowed] of matrix) {
      it(`${JSON.stringify(uri)}`, () => {
        const production = PRODUCTION;
        const found = [
          refused(uri, 'web', production),
          refused(uri, 'native', production),
          refused(uri, 'web', {}),
          refused(uri, 'native', {}),
        ];
        expect(
          found.map((fault) => fault === ''),
          found.join('\n'),
        ).to.deep.equal(allowed);
        expect(refused(uri, 'web', production, 'post_logout_redirect_uris') === '').to.equal(allowed[0]);
      });
    }

    it('one listed twice', () => {
      const yaml = publicClient("redirect_uris: ['https://a/', 'https://b/', 'https://a/']");
      expect(faultsOf(place.load(PRODUCTION, yaml)).join()).to.match(/redirect_uris\[2\]: is listed twice/);
    });

    it('where Postern itself is, by plain http in development only', () => {
      const yaml = withUri('{BASE_URL}/demo');
      const env = { BASE_URL: 'http://postern.test:3000' };
      expect(configOf(place.load(env, yaml)).apps.shop?.clients.web?.redirect_uris).to.deep.equal([
        'http://postern.test:3000/demo',
      ]);
      expect(faultsOf(place.load(env, withUri('http://other.test:3000/demo'))).join()).to.match(
        /must be https/,
      );
    });
  });
});

describe('closestTo', () => {
  it('finds the word that was meant, and none when nothing is near', () => {
    const known = ['redirect_uris', 'response_types', 'scope'];
    expect(closestTo('redirect_uri', known)).to.equal('redirect_uris');
    expect(closestTo('redirectUris', known)).to.equal('redirect_uris');
    expect(closestTo('scpoe', known)).to.equal('scope');
    expect(closestTo('uri', known)).to.equal(undefined);
    expect(closestTo('scop', known)).to.equal('scope');
    expect(closestTo('banana', known)).to.equal(undefined);
  });
});

describe('secret strength', () => {
  it('tells random secrets from typed ones', () => {
    for (let round = 0; round < 500; round += 1) {
      const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
      expect(isGuessableKey(key), key.toString('hex')).to.equal(false);
    }
    expect(isGuessableKey(Buffer.alloc(32, 7))).to.equal(true);
    expect(isGuessableKey(Buffer.from('0123456789abcdef'.repeat(2)))).to.equal(true);
    expect(isGuessableKey(Buffer.from(Array.from({ length: 32 }, (_, index) => index * 8)))).to.equal(true);
    expect(isGuessableText(SECRET)).to.equal(false);
    expect(isGuessableText('a1b2'.repeat(8))).to.equal(true);
    expect(isGuessableText('MySuperSecretMySuperSecretMySupe')).to.equal(true);
  });
});
