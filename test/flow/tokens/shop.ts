/** The app that the token tests share: two APIs, their resource servers, and clients of every sort. */
import { APPS, CALLBACK, publicClient } from '../../support/harness.ts';

export const ORDERS = 'https://orders.shop.example/api';
export const FILES = 'https://files.shop.example/';
export const SECRET = 'a-long-random-secret-for-tests-0123456789';

export const confidential = (more: object = {}): object => ({
  redirect_uris: [CALLBACK],
  client_secret: SECRET,
  ...more,
});

export const SHOP = {
  ...APPS.shop,
  resources: {
    [ORDERS]: {
      scopes: { 'orders:read': 'see your orders', 'orders:write': 'change your orders' },
      introspection: ['orders-api'],
      lifetime: '10m',
    },
    [FILES]: {
      format: 'opaque',
      scopes: { 'files:read': 'see your files', 'orders:read': 'see files of your orders' },
      introspection: ['files-api'],
    },
    'urn:shop:stock': {
      clients: ['secretive'],
      signing_alg: 'ES256',
      scopes: { 'stock:read': 'see the stock' },
    },
  },
  clients: {
    ...APPS.shop.clients,
    other: publicClient(),
    'orders-api': confidential(),
    'files-api': confidential(),
    sparing: publicClient({ refresh_tokens: 'offline_access' }),
    steady: confidential({ refresh_token_rotation: false }),
    turning: confidential(),
    service: { client_secret: SECRET, grant_types: ['client_credentials'] },
    reader: publicClient({ scope: 'openid email orders:read' }),
  },
};

/** As a client that authenticates. */
export const withSecret = (scope?: string): object => ({
  clientSecret: SECRET,
  ...(scope === undefined ? {} : { scope }),
});
