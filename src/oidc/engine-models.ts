/** Members of the engine's models that its type declarations leave out, as far as our subclasses use them. */
import { Provider } from 'oidc-provider';
import type { Adapter } from './adapter.ts';
import type { Family } from './families.ts';

export interface EngineModel {
  readonly adapter: Adapter;
  readonly jti: string;
  emit(event: string): void;
}

export interface EngineToken extends EngineModel {
  readonly grantId: string;
  readonly clientId: string;
  readonly accountId: string;
  readonly rotations?: number;
  readonly scopes: ReadonlySet<string>;
  exp: number;
  consumed?: unknown;
  consume(): Promise<void>;
  save(): Promise<string>;
  generateTokenId(): string;
}

export interface ModelClass<Instance> {
  // biome-ignore lint/suspicious/noExplicitAny: a mixin constructor has to take any[] (TS2545)
  new (...args: any[]): Instance;
  readonly adapter: Adapter;
  readonly IN_PAYLOAD: readonly string[];
  find(value: string, options?: object): Promise<Instance | undefined>;
}

/** The class objects are the engine's own; only their declarations are narrower than the truth. */
export const base = <Instance>(model: unknown): ModelClass<Instance> => model as ModelClass<Instance>;

/**
 * The engine's built-in handlers revoke a consumed token by themselves, before they check who presents it (OA-25). Inside
 * the token endpoint the mark is therefore hidden until `consume`, which runs after every check.
 */
export function isGrantRequest(provider: Provider, grantType: string): boolean {
  const oidc = Provider.ctx?.oidc;
  return oidc?.provider === provider && oidc.route === 'token' && oidc.params?.grant_type === grantType;
}

export const familyOf = (token: Pick<EngineToken, 'grantId' | 'clientId' | 'accountId'>): Family => ({
  grantId: token.grantId,
  clientId: token.clientId,
  userId: token.accountId,
});
