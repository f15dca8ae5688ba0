/** The providers of an app, as its configuration names them. */
import type { App } from '../../apps/apps.ts';
import { hashOf } from '../../core/hash.ts';
import { generic } from './generic.ts';
import { apple } from './presets/apple.ts';
import { discord } from './presets/discord.ts';
import { facebook } from './presets/facebook.ts';
import { github } from './presets/github.ts';
import { gitlab } from './presets/gitlab.ts';
import { google } from './presets/google.ts';
import { linkedin } from './presets/linkedin.ts';
import { microsoft } from './presets/microsoft.ts';
import type { Preset, Provider } from './provider.ts';
import type { PresetName, ProviderSettings } from './settings.ts';

const PRESETS: Readonly<Record<PresetName, Preset>> = {
  google,
  microsoft,
  apple,
  github,
  gitlab,
  discord,
  facebook,
  linkedin,
};

export interface Configured {
  /** Its key in the configuration, in its callback and in every link to it. */
  readonly name: string;
  readonly settings: ProviderSettings;
  readonly provider: Provider;
  /** Another one when issuer or client changed: what began before then is refused. */
  readonly fingerprint: string;
  readonly redirectUri: string;
}

/** In the order of the buttons. */
export function providersOf(app: App): readonly Configured[] {
  const { providers = {} } = app.settings.methods.upstream ?? {};
  return Object.entries(providers).flatMap(([name, settings]) => configured(app, name, settings) ?? []);
}

export function findProvider(app: App, name: string | undefined): Configured | undefined {
  const { providers = {} } = app.settings.methods.upstream ?? {};
  const settings = name !== undefined && Object.hasOwn(providers, name) ? providers[name] : undefined;
  return settings && configured(app, name ?? '', settings);
}

function configured(app: App, name: string, settings: ProviderSettings): Configured | undefined {
  const made = settings.preset === undefined ? generic(settings) : PRESETS[settings.preset](settings);
  if (!made) return undefined;
  const { label = made.label, scopes = made.scopes, parameters } = settings;
  const provider = { ...made, label, scopes, parameters: { ...made.parameters, ...parameters } };
  const endpoints = JSON.stringify([provider.protocol, provider.issuer, provider.metadata ?? null]);
  return {
    name,
    settings,
    provider,
    fingerprint: hashOf('upstream', endpoints, settings.client_id),
    // One of its own for each: an answer of one provider never passes for another's (OA-50, RFC 9700 §4.4.2.2).
    redirectUri: `${app.issuer}/callback/${name}`,
  };
}
