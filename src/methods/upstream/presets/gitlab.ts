/**
 * GitLab.com and GitLab of one's own.
 * Facts: https://docs.gitlab.com/integration/openid_connect_provider/
 * Button: https://about.gitlab.com/press/press-kit/
 */
import { OIDC, type OidcProvider, standardReading } from '../provider.ts';
import type { ProviderSettings } from '../settings.ts';

export const gitlab = ({ base_url: base }: ProviderSettings): OidcProvider => ({
  ...OIDC,
  label: 'GitLab',
  icon: 'gitlab',
  issuer: (base ?? 'https://gitlab.com').replace(/\/$/, ''),
  read: standardReading,
});
