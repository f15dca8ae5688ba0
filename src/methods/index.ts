/** The only list of login methods: configuration, routes and the sign-in page are made from it. */
import { magicLink } from './magic-link/magic-link.ts';
import type { MethodDefinition } from './method.ts';
import { passkey } from './passkey/passkey.ts';
import { password } from './password/password.ts';
import { upstream } from './upstream/upstream.ts';

export const METHODS = [
  magicLink,
  password,
  passkey,
  upstream,
] as const satisfies readonly MethodDefinition[];
