/** What is compared: names, issuers and how each is started. All requests come as from a proxy that ends TLS. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CLIENT_ID = 'web';
/** A service that asks for tokens in its own name. */
export const SERVICE_ID = 'service';
export const SERVICE_SECRET = randomBytes(32).toString('base64url');
export const REDIRECT_URI = 'https://client.example/callback';

/** The API that introspects, and its resource: tokens for it are opaque on both sides. */
export const RESOURCE = 'https://api.example/';
export const RESOURCE_SCOPE = 'read';
export const API_CLIENT = { id: 'api', secret: 'kV7cQ2nXw9Rb4Lt6Zp1Jm8Hs3Gd5Fy0A' } as const;

export type SubjectName = 'bare' | 'postern' | 'postern-smtp';

export interface Subject {
  readonly name: SubjectName;
  readonly issuer: string;
  readonly entry: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** One for the whole run: a second start has to open what the first one sealed. */
const SECRET_KEY = randomBytes(32).toString('base64');

const entry = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** @param directory of the store and the configuration file of this run; removed by whoever made it */
export function subjects(directory: string, smtpUrl: string): readonly Subject[] {
  return [
    {
      name: 'bare',
      issuer: 'https://bare.example',
      entry: entry('./bare.ts'),
      environment: { BENCH_ISSUER: 'https://bare.example', BENCH_SERVICE_SECRET: SERVICE_SECRET },
    },
    {
      name: 'postern',
      issuer: 'https://postern.example/shop',
      entry: entry('./postern.ts'),
      environment: { ...environmentOf(directory, 'postern', smtpUrl), BENCH_MAIL: 'ipc' },
    },
    {
      name: 'postern-smtp',
      issuer: 'https://postern.example/shop',
      entry: entry('./postern.ts'),
      environment: environmentOf(directory, 'postern-smtp', smtpUrl),
    },
  ];
}

/** A production deployment: one app, one client and an API, the embedded store, default log level. */
export function environmentOf(directory: string, name: string, smtpUrl: string): Record<string, string> {
  const config = join(directory, `${name}.yaml`);
  const client = {
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
  };
  const api = { redirect_uris: ['https://api.example/callback'], client_secret: API_CLIENT.secret };
  const resources = {
    [RESOURCE]: {
      format: 'opaque',
      lifetime: '1h',
      scopes: { [RESOURCE_SCOPE]: 'read it' },
      introspection: [API_CLIENT.id],
    },
  };
  const service = {
    token_endpoint_auth_method: 'client_secret_post',
    client_secret: SERVICE_SECRET,
    grant_types: ['client_credentials'],
  };
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      apps: {
        shop: {
          name: 'Shop',
          // All people of a run are new to their browsers and come within minutes.
          limits: { mails_per_app: 100_000_000 },
          clients: { [CLIENT_ID]: client, [API_CLIENT.id]: api, [SERVICE_ID]: service },
          resources,
        },
      },
    }),
  );
  return {
    NODE_ENV: 'production',
    BASE_URL: 'https://postern.example',
    CONFIG: config,
    STORE_URL: `sqlite:${join(directory, `${name}.db`)}`,
    SECRET_KEY,
    SMTP_URL: smtpUrl,
  };
}
