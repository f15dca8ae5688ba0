import { publicClient } from '../../support/harness.ts';

/** Two apps with one generic provider each, and the email field. */
export const upstreamApps = (corp: object = {}, more: object = {}) => {
  const methods = {
    magic_link: {},
    upstream: {
      providers: {
        corp: {
          issuer: 'https://login.corp.example',
          label: 'Corp',
          client_id: 'postern',
          client_secret: 'secret',
          ...corp,
        },
        ...more,
      },
    },
  };
  const clients = { web: publicClient({ client_name: 'Web', client_uri: 'http://client.test/' }) };
  return { shop: { name: 'Shop', methods, clients }, studio: { name: 'Studio', methods, clients } };
};
