/** The only list of login methods: configuration, routes and the sign-in page are made from it. */
import { magicLink } from './magic-link/magic-link.ts';
import type { MethodDefinition } from './method.ts';

export const METHODS = [magicLink] as const satisfies readonly MethodDefinition[];
