/** What a provider of `methods.upstream` must keep to beyond its shape: one form, and what that form needs. */
import { type Fault, filePath } from './fault.ts';
import { plainHttpFault, type Surroundings } from './redirect-uri.ts';
import type { AppSettings } from './schema.ts';

type Providers = NonNullable<AppSettings['methods']['upstream']>['providers'];
type Provider = Providers[string];

/** Keys that mean something to one preset only. */
const OF_PRESET = {
  private_key: ['apple'],
  key_id: ['apple'],
  team_id: ['apple'],
  tenant: ['microsoft'],
  allowed_tenants: ['microsoft'],
  hosted_domain: ['google'],
  base_url: ['gitlab', 'github'],
} as const satisfies Partial<Record<keyof Provider, readonly string[]>>;

/** They sign nothing, so no address of theirs can count as proved (AC-05). */
const UNSIGNED: readonly string[] = ['github', 'discord'];

export function checkUpstream(slug: string, app: AppSettings, surroundings: Surroundings): Fault[] {
  const { providers = {} } = app.methods.upstream ?? {};
  return Object.entries(providers).flatMap(([name, provider]) =>
    [
      ...formFaults(provider),
      ...secretFaults(provider),
      ...presetFaults(provider),
      ...trustFaults(provider),
      ...addressFaults(provider, surroundings),
    ].map(({ at, message }) => ({
      path: filePath(['apps', slug, 'methods', 'upstream', 'providers', name, ...at]),
      message,
    })),
  );
}

interface Found {
  readonly at: readonly string[];
  readonly message: string;
}

function formFaults({ preset, issuer, oauth2, label }: Provider): Found[] {
  const forms = [preset, issuer, oauth2].filter((form) => form !== undefined);
  if (forms.length !== 1) return [{ at: [], message: 'needs exactly one of preset, issuer and oauth2' }];
  if (preset === undefined && label === undefined)
    return [{ at: ['label'], message: 'is needed: what people read on the button' }];
  return [];
}

function secretFaults({ preset, client_secret, private_key, key_id, team_id, ...rest }: Provider): Found[] {
  if (preset === 'apple') {
    const missing = Object.entries({ private_key, key_id, team_id }).filter(
      ([, value]) => value === undefined,
    );
    const unused =
      client_secret === undefined
        ? []
        : [{ at: ['client_secret'], message: 'Apple takes none: give private_key, key_id and team_id' }];
    return [...unused, ...missing.map(([key]) => ({ at: [key], message: 'is needed for Apple' }))];
  }
  const isNeeded =
    rest.token_endpoint_auth_method !== 'none' && (preset !== undefined || rest.oauth2 !== undefined);
  return isNeeded && client_secret === undefined ? [{ at: ['client_secret'], message: 'is needed' }] : [];
}

function presetFaults(provider: Provider): Found[] {
  return Object.entries(OF_PRESET).flatMap(([key, presets]: [string, readonly string[]]) => {
    const isGiven = Object.hasOwn(provider, key) && Reflect.get(provider, key) !== undefined;
    const isMeant = provider.preset !== undefined && presets.includes(provider.preset);
    return isGiven && !isMeant ? [{ at: [key], message: `is for preset ${presets.join(' or ')} only` }] : [];
  });
}

function trustFaults({ preset, oauth2, authoritative }: Provider): Found[] {
  const isUnsigned = oauth2 !== undefined || (preset !== undefined && UNSIGNED.includes(preset));
  if (!authoritative || !isUnsigned) return [];
  const message = 'only a signed token can vouch for an address, and this provider issues none (AC-05)';
  return [{ at: ['authoritative'], message }];
}

function addressFaults({ issuer, base_url, oauth2 }: Provider, surroundings: Surroundings): Found[] {
  const { authorization_endpoint, token_endpoint, userinfo_endpoint } = oauth2 ?? {};
  const inside = { authorization_endpoint, token_endpoint, userinfo_endpoint };
  const addresses: [readonly string[], string | undefined][] = [
    [['issuer'], issuer],
    [['base_url'], base_url],
    ...Object.entries(inside).map(([key, url]): [string[], string | undefined] => [['oauth2', key], url]),
  ];
  return addresses.flatMap(([at, written]) => {
    const url = written === undefined ? null : URL.parse(written);
    const message = url === null ? undefined : plainHttpFault(url, surroundings);
    return message === undefined ? [] : [{ at, message }];
  });
}
