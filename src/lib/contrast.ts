/** Colours `#rrggbb` and how well one is read on another (WCAG 2.2). */

export type Colour = readonly [red: number, green: number, blue: number];

export const WHITE: Colour = [255, 255, 255];
export const BLACK: Colour = [0, 0, 0];
/** WCAG 2.2 §1.4.3. */
export const TEXT_CONTRAST = 4.5;

export function parseColour(text: string): Colour | undefined {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  if (!match) return undefined;
  const [red = 0, green = 0, blue = 0] = match.slice(1).map((pair) => Number.parseInt(pair, 16));
  return [red, green, blue];
}

/** WCAG 2.2 contrast ratio, 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** White as long as it can be read; black is above that everywhere else. */
export const textColourOn = (colour: Colour): Colour =>
  contrast(colour, WHITE) >= TEXT_CONTRAST ? WHITE : BLACK;

/** The same for `#rrggbb`; what is no colour counts as black. */
export const textOn = (colour: string): '#ffffff' | '#000000' =>
  textColourOn(parseColour(colour) ?? BLACK) === WHITE ? '#ffffff' : '#000000';

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number]; // map keeps the length, which its type does not say
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
