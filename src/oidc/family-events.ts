/** What the audit log is told of grants and token families; never a token. */
import type { AuditEntry } from '../audit/events.ts';
import { eventIdOf } from '../core/event-id.ts';
import { asUserId } from '../core/ids.ts';
import type { Family, RevocationReason } from './families.ts';

export type FamilyEvent = RevocationReason | 'token.refresh_replayed' | 'token.issued' | 'token.refreshed';

/** @param act names the one act, so that its event stands once; hashed, hence it may be a token */
export function familyEvent(
  type: FamilyEvent,
  { grantId: grant, clientId, userId }: Family,
  at: number,
  act: string,
): AuditEntry & { readonly id: string } {
  const subject = { clientId, userId: asUserId(userId), grant, at, id: eventIdOf(at, type, grant, act) };
  switch (type) {
    case 'token.refresh_reuse_detected':
    case 'token.code_reuse_detected':
    case 'token.refresh_replayed':
    case 'token.issued':
    case 'token.refreshed':
      return { ...subject, type };
    default:
      return { ...subject, type: 'grant.revoked', reason: type };
  }
}
