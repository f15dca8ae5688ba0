/** The relying parties in `examples/`: how each is made ready and started. They learn nothing but their settings. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Command, freePort, Running, run } from './processes.ts';

type Step = readonly [program: string, ...args: string[]];

interface Recipe {
  readonly prepare: readonly Step[];
  readonly start: Step;
  readonly isConfidential?: boolean;
  /** Proves itself by a key, pushes its requests and binds its tokens. */
  readonly hasKey?: boolean;
  /** Runs in the browser: drives it there, and calls the provider from its own origin. */
  readonly isBrowserApp?: boolean;
  /** Has an API at `/api` that takes JWT access tokens. */
  readonly isResourceServer?: boolean;
}

/** The resource that the examples' APIs are. */
export const AUDIENCE = 'https://api.shop.example';

const NODE = process.execPath;
const NPM_CI: Step = ['npm', 'ci', '--no-fund', '--no-audit', '--loglevel=error'];

const RECIPES = {
  spa: { prepare: [NPM_CI], start: [NODE, 'server.js'], isBrowserApp: true },
  node: { prepare: [NPM_CI], start: [NODE, 'server.js'] },
  'node-keys': { prepare: [NPM_CI], start: [NODE, 'server.js'], hasKey: true },
  python: {
    prepare: [
      ['python3', '-m', 'venv', '.venv'],
      ['.venv/bin/pip', 'install', '--quiet', '--requirement', 'requirements.txt'],
    ],
    start: ['.venv/bin/python', 'app.py'],
    isConfidential: true,
    isResourceServer: true,
  },
  go: { prepare: [['go', 'build', '-o', 'client', '.']], start: ['./client'], isResourceServer: true },
  java: {
    prepare: [['mvn', '--quiet', '--batch-mode', 'package']],
    start: ['java', '-cp', 'target/client.jar:target/lib/*', 'Client'],
  },
} satisfies Record<string, Recipe>;

export type ExampleName = keyof typeof RECIPES;

/** In the order in which they are run. `Object.keys` forgets that the keys are the names. */
export const EXAMPLES = Object.keys(RECIPES) as ExampleName[];

export class Example {
  readonly name: ExampleName;
  readonly #recipe: Recipe;
  readonly #port: number;
  readonly #secret: string | undefined;
  readonly #key: { readonly own: object; readonly registered: object } | undefined;
  #process: Running | undefined;

  private constructor(name: ExampleName, port: number) {
    this.name = name;
    this.#recipe = RECIPES[name];
    this.#port = port;
    this.#secret = this.#recipe.isConfidential ? randomBytes(32).toString('base64url') : undefined;
    this.#key = this.#recipe.hasKey ? newKey() : undefined;
  }

  static async withPort(name: ExampleName): Promise<Example> {
    return new Example(name, await freePort());
  }

  get home(): string {
    return `http://localhost:${this.#port}/`;
  }

  get isBrowserApp(): boolean {
    return this.#recipe.isBrowserApp ?? false;
  }

  get isResourceServer(): boolean {
    return this.#recipe.isResourceServer ?? false;
  }

  /** Its entry in the provider's configuration file. */
  get registration(): object {
    return {
      redirect_uris: [`${this.home}callback`],
      post_logout_redirect_uris: [this.home],
      grant_types: ['authorization_code', 'refresh_token'],
      ...this.#proof,
      ...(this.isBrowserApp ? { allowed_origins: [new URL(this.home).origin] } : {}),
    };
  }

  get #proof(): object {
    if (this.#key !== undefined) {
      return {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [this.#key.registered] },
        require_pushed_authorization_requests: true,
        dpop_bound_access_tokens: true,
      };
    }
    return this.#secret === undefined
      ? { token_endpoint_auth_method: 'none' }
      : { token_endpoint_auth_method: 'client_secret_basic', client_secret: this.#secret };
  }

  async prepare(): Promise<void> {
    for (const step of this.#recipe.prepare) await run(this.#command(step));
  }

  async start(issuer: string): Promise<void> {
    this.#process = new Running(
      this.#command(this.#recipe.start, {
        ISSUER: issuer,
        CLIENT_ID: this.name,
        AUDIENCE,
        PORT: String(this.#port),
        REDIRECT_URI: `${this.home}callback`,
        ...(this.#secret === undefined ? {} : { CLIENT_SECRET: this.#secret }),
        ...(this.#key === undefined ? {} : { PRIVATE_KEY: JSON.stringify(this.#key.own) }),
      }),
    );
    await this.#process.ready(this.home);
  }

  /** What the program printed last. */
  get output(): string {
    return this.#process?.output ?? '';
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  #command([program, ...args]: Step, environment: Readonly<Record<string, string>> = {}): Command {
    const folder = fileURLToPath(new URL(`../../examples/${this.name}/`, import.meta.url));
    return { program, arguments: args, folder, environment };
  }
}

function newKey(): { own: object; registered: object } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const more = { kid: randomBytes(8).toString('hex'), alg: 'ES256', use: 'sig' };
  return {
    own: { ...privateKey.export({ format: 'jwk' }), ...more },
    registered: { ...publicKey.export({ format: 'jwk' }), ...more },
  };
}
