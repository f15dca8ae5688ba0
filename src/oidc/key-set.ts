/**
 * The key set of one app as data, and the rules of its rotation; no store and no cryptography here.
 *
 * A generation holds one key of each algorithm. Its stage follows from times alone, so that every process comes to the
 * same view of the same row without anybody writing it:
 *
 *     published ──(signsAt)──▶ signing ──(the next one's signsAt)──▶ retired ──(last token expired)──▶ hint ──▶ removed
 *
 * Retired keys stay in the published set until the last token signed by them has expired (OA-32). After that they only
 * check the `id_token_hint` of sessions that are still alive: OIDC RP-Initiated Logout §4 accepts expired ID tokens.
 */
import type { AuditEntry } from '../audit/events.ts';
import type { AppSettings } from '../config/schema.ts';
import { DAY, MINUTE, SECOND } from '../core/clock.ts';

export type SigningAlg = 'RS256' | 'ES256';
/** RS256 is the one that every client has to know (OIDC Core §15.1). */
export const SIGNING_ALGS: readonly SigningAlg[] = ['RS256', 'ES256'];

export interface KeyRow {
  readonly kid: string;
  readonly alg: SigningAlg;
  /** The private JWK, AAD = `signing_key:` and kid. */
  readonly sealed: string;
}

export interface Generation {
  readonly id: string;
  readonly createdAt: number;
  /** From then on it signs, until the next generation does. */
  readonly signsAt: number;
  readonly keys: readonly KeyRow[];
  /** How long tokens of it may live, as it was configured when it was relieved; ms. */
  readonly keepMs?: number | undefined;
  /** The audit log was told that it signs. */
  readonly isAnnounced?: boolean | undefined;
}

export interface KeySetRow {
  /** By `signsAt`, oldest first. */
  readonly generations: readonly Generation[];
  /** How often all keys were replaced at once: of two who do it together, the second finds it done. */
  readonly emergencies: number;
  /** Events of the last change, until they are in the audit log: a crash in between loses none (AD-10). */
  readonly events: readonly AuditEntry[];
}

export type Stage = 'published' | 'signing' | 'retired' | 'hint' | 'removed';

/** What caches of the published set may hold, ms; told to them by `Cache-Control`. */
export const KEY_SET_MAX_AGE = 5 * MINUTE;
/** How long a key is published before it signs (OA-32). */
export const PUBLISH_AHEAD = Math.max(KEY_SET_MAX_AGE, DAY);
/** Of a logout token: fixed by the engine. */
const LOGOUT_TOKEN_MS = 120 * SECOND;
/** The engine's clock tolerance, requests under way and clocks of processes that differ a little. */
const MARGIN = MINUTE;

/** How long a token that is signed now may be accepted somewhere, ms. */
export function longestToken({ lifetimes, resources }: Settings): number {
  const accessTokens = Object.values(resources).map(({ lifetime }) => lifetime);
  return Math.max(lifetimes.id_token, LOGOUT_TOKEN_MS, ...accessTokens) + MARGIN;
}

export interface StagedGeneration {
  readonly generation: Generation;
  readonly stage: Stage;
  /** When the next one relieves or relieved it, ms. */
  readonly retiresAt: number | undefined;
  /** End of being published, ms. */
  readonly publishedUntil: number | undefined;
  readonly removedAt: number | undefined;
}

type Settings = Pick<AppSettings, 'lifetimes' | 'keys' | 'resources'>;

export function stagesOf(row: KeySetRow, settings: Settings, now: number): readonly StagedGeneration[] {
  return row.generations.map((generation, index) => {
    const retiresAt = row.generations[index + 1]?.signsAt;
    const keep = Math.max(generation.keepMs ?? 0, longestToken(settings));
    const publishedUntil = retiresAt === undefined ? undefined : retiresAt + keep;
    const hints = Math.max(keep, settings.lifetimes.session_absolute);
    const removedAt = retiresAt === undefined ? undefined : retiresAt + hints;
    const stage =
      now < generation.signsAt && index > 0
        ? 'published'
        : isBefore(now, retiresAt)
          ? 'signing'
          : isBefore(now, publishedUntil)
            ? 'retired'
            : isBefore(now, removedAt)
              ? 'hint'
              : 'removed';
    return { generation, stage, retiresAt, publishedUntil, removedAt };
  });
}

const isBefore = (now: number, end: number | undefined): boolean => end === undefined || now < end;

/** When some generation comes to another stage by itself, ms; Infinity when none does. */
export function nextStageAt(row: KeySetRow, settings: Settings, now: number): number {
  const times = stagesOf(row, settings, now).flatMap(
    ({ generation, retiresAt, publishedUntil, removedAt }) => [
      generation.signsAt,
      retiresAt ?? Infinity,
      publishedUntil ?? Infinity,
      removedAt ?? Infinity,
    ],
  );
  return Math.min(Infinity, ...times.filter((time) => time > now));
}

/** When the next generation has to be published, ms; undefined while one is, or when rotation by schedule is off. */
export function publishAt(row: KeySetRow, settings: Settings, now: number): number | undefined {
  const newest = row.generations.at(-1);
  const every = settings.keys.rotate_every;
  if (!newest || newest.signsAt > now || every === 'never') return undefined;
  return newest.signsAt + every - PUBLISH_AHEAD;
}

/** When somebody has to look after this row, ms: events to move out, a key to announce, to publish or to remove. */
export function dueAt(row: KeySetRow, settings: Settings, now: number): number | undefined {
  if (row.events.length > 0) return now;
  const times = [
    publishAt(row, settings, now),
    ...stagesOf(row, settings, now).flatMap(({ generation, removedAt }) => [
      generation.isAnnounced ? undefined : generation.signsAt,
      removedAt,
    ]),
  ].filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}
