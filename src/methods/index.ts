/** The only list of login methods. */
import { magicLink } from './magic-link/magic-link.ts';
import type { Method, MethodServices } from './method.ts';

export const createMethods = (services: MethodServices): readonly Method[] => [magicLink(services)];
