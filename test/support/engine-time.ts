/**
 * The engine reads `Date.now()` for the lifetimes of codes, tokens and sessions, and offers no other clock. Where one has
 * to pass, a test moves it for the whole process together with the server's own clock, and sets both back afterwards.
 */
import type { TestClock } from './harness.ts';

const realNow = Date.now;
let moved: { readonly clock: TestClock; readonly ms: number }[] = [];

export function passTime({ clock }: { readonly clock: TestClock }, ms: number): void {
  moved.push({ clock, ms });
  clock.move(ms);
  const total = moved.reduce((sum, move) => sum + move.ms, 0);
  Date.now = () => realNow() + total;
}

/** For `afterEach`: time that one test lets pass is no other test's. */
export function restoreTime(): void {
  for (const { clock, ms } of moved) clock.move(-ms);
  moved = [];
  Date.now = realNow;
}
