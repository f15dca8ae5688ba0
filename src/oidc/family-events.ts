/** What the audit log is told of grants and token families; never a token. */
import type { AuditEntry } from '../audit/events.ts';
import { asUserId } from '../core/ids.ts';
import type { EngineEvent } from './families.ts';

export function auditEntryOf(event: EngineEvent): AuditEntry {
  if (event.type === 'token.service_issued') return event;
  const { type, grantId: grant, clientId, userId } = event;
  const subject = { clientId, userId: asUserId(userId), grant };
  switch (type) {
    case 'token.refresh_reuse_detected':
    case 'token.code_reuse_detected':
    case 'token.refresh_replayed':
      return { ...subject, type };
    default:
      return { ...subject, type: 'grant.revoked', reason: type };
  }
}
