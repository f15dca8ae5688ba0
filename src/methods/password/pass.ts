/**
 * What was established just before the person was asked something (ML-44) travels in the page sealed, so that neither the
 * password nor its hash stands there: for this browser, this request and this step alone, a few minutes long.
 */
import { MINUTE } from '../../core/clock.ts';
import type { InteractionRequest, MethodServices } from '../method.ts';

const PASS_MS = 5 * MINUTE;

interface Pass {
  readonly value: string;
  /** When it was established, ms. */
  readonly at: number;
  readonly endsAt: number;
}

export function sealPass(
  request: InteractionRequest,
  step: string,
  value: string,
  at: number,
  { keyring, clock }: MethodServices,
): string {
  const pass: Pass = { value, at, endsAt: clock.now() + PASS_MS };
  return keyring.seal(request.app.id, placeOf(request, step), JSON.stringify(pass));
}

/** Undefined for none and for one that does not belong here. */
export function openPass(
  request: InteractionRequest,
  step: string,
  { keyring, clock }: MethodServices,
): Pass | undefined {
  const { pass } = request.body;
  if (pass === undefined || request.browser.asking === undefined) return undefined;
  try {
    // Sealed by `sealPass` in this form.
    const opened = JSON.parse(keyring.open(request.app.id, placeOf(request, step), pass)) as Pass;
    return clock.now() < opened.endsAt ? opened : undefined;
  } catch {
    return undefined;
  }
}

const placeOf = ({ interaction, browser, body }: InteractionRequest, step: string): string =>
  `password:${step}:${interaction.uid}:${browser.asking ?? ''}:${body.email ?? ''}`;
