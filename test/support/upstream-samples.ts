/** Pages of the sign-in through other providers, one per state; drawn with all others by the tests of pages. */
import type { FormContext, Page } from '../../src/core/page.ts';

const form = (action: string): FormContext => ({ action, csrf: 'csrf-of-this-form' });

const BRANDS: readonly (readonly [icon: string, provider: string])[] = [
  ['google', 'Google'],
  ['microsoft', 'Microsoft'],
  ['apple', 'Apple'],
  ['github', 'GitHub'],
  ['gitlab', 'GitLab'],
  ['discord', 'Discord'],
  ['facebook', 'Facebook'],
  ['linkedin', 'LinkedIn'],
  ['other', 'Corporation of Extraordinarily Long Names'],
];

const buttonsOf = (brands: typeof BRANDS) => ({
  partial: 'upstream/buttons',
  model: {
    buttons: brands.map(([icon, provider]) => ({
      form: form('/stay'),
      provider,
      brand: `brand-${icon}`,
      icon,
    })),
  },
});

const refused = (text: string, more: object = {}): Page => ({
  view: 'method',
  page: 'upstream/refused',
  status: 400,
  heading: 'upstream.refused_heading',
  mark: 'warning',
  model: { text, provider: 'Google', back: '/stay', wayOn: null, ...more },
});

export function upstreamSamples(signIn: Extract<Page, { view: 'sign-in' }>): Readonly<Record<string, Page>> {
  return {
    'sign-in-upstream': { ...signIn, entries: [buttonsOf(BRANDS)] },
    'sign-in-upstream-alone': { ...signIn, hasEmail: false, entries: [buttonsOf(BRANDS.slice(0, 3))] },
    'sign-in-came-back': { ...signIn, error: 'came_back', entries: [buttonsOf(BRANDS.slice(0, 2))] },
    'method-upstream-return': {
      view: 'method',
      page: 'upstream/return',
      status: 200,
      heading: 'upstream.return_heading',
      mark: 'wait',
      // Without its script: a picture of it would otherwise be of what comes next.
      model: { form: form('/stay') },
    },
    'method-upstream-unavailable': refused('upstream.unavailable'),
    'method-upstream-misconfigured': refused('upstream.misconfigured'),
    'method-upstream-bad-answer': refused('upstream.bad_answer'),
    'method-upstream-not-allowed': refused('upstream.not_allowed'),
    'method-upstream-not-fresh': refused('upstream.not_fresh'),
    'method-upstream-over': refused('upstream.over', {
      provider: '',
      back: null,
      wayOn: { url: 'https://shop.example/', clientName: 'Acme Shop' },
    }),
  };
}
