/**
 * Colours of a page from the one accent colour of an app. Whatever an app chooses, text on the accent, text in the accent
 * and the focus ring stay readable (WCAG 2.2 §1.4.3: 4.5 to 1, §1.4.11: 3 to 1), on the light and on the dark page.
 */
import {
  BLACK,
  type Colour,
  contrast,
  parseColour,
  TEXT_CONTRAST,
  textColourOn,
  WHITE,
} from '../../lib/contrast.ts';

export interface SchemeColours {
  /** The filled button, as it rests and under the pointer. */
  readonly accent: string;
  readonly hover: string;
  /** Text on the filled button. */
  readonly onAccent: string;
  /** Outline of the filled button: the accent itself unless it would melt into the card. */
  readonly edge: string;
  /** The accent as text and as focus ring. */
  readonly text: string;
}

export interface Theme {
  readonly light: SchemeColours;
  readonly dark: SchemeColours;
}

/** The surfaces of `postern.css`, for which the contrast is computed; a test compares the two. */
export const SURFACES = {
  light: { page: '#f5f6f8', card: '#ffffff' },
  dark: { page: '#0b0c0f', card: '#15171c' },
} as const;

export const DEFAULT_ACCENT = '#4f46e5';

const EDGE_CONTRAST = 3;

/** Colours for an accent written `#rrggbb`; anything else counts as the default, as it would stand in a style sheet. */
export function themeFor(accent: string): Theme {
  const known = themes.get(accent);
  if (known) return known;
  const theme = makeTheme(accent);
  if (themes.size < MAX_THEMES) themes.set(accent, theme);
  return theme;
}

/** By accent; apps have one each. */
const themes = new Map<string, Theme>();
const MAX_THEMES = 10_000;

function makeTheme(accent: string): Theme {
  const colour = parseColour(accent) ?? parseColour(DEFAULT_ACCENT) ?? BLACK;
  return { light: schemeFor(colour, 'light'), dark: schemeFor(colour, 'dark') };
}

function schemeFor(accent: Colour, scheme: 'light' | 'dark'): SchemeColours {
  const onAccent = textColourOn(accent);
  const away = scheme === 'light' ? BLACK : WHITE;
  const surfaces = [SURFACES[scheme].page, SURFACES[scheme].card].map((text) => parseColour(text) ?? BLACK);
  return {
    accent: format(accent),
    // Away from the text on it, so that the contrast can only grow.
    hover: format(mix(accent, onAccent === WHITE ? BLACK : WHITE, 0.12)),
    onAccent: format(onAccent),
    edge: format(shifted(accent, away, surfaces, EDGE_CONTRAST)),
    text: format(shifted(accent, away, surfaces, TEXT_CONTRAST)),
  };
}

/** Moves a colour towards black or white until it stands out from every surface. */
function shifted(colour: Colour, towards: Colour, surfaces: readonly Colour[], least: number): Colour {
  for (let share = 0; share < 1; share += 0.04) {
    const candidate = mix(colour, towards, share);
    if (surfaces.every((surface) => contrast(candidate, surface) >= least)) return candidate;
  }
  return towards;
}

function mix(colour: Colour, other: Colour, share: number): Colour {
  const channel = (at: 0 | 1 | 2) => Math.round(colour[at] + (other[at] - colour[at]) * share);
  return [channel(0), channel(1), channel(2)];
}

const format = (colour: Colour): string =>
  `#${colour.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
