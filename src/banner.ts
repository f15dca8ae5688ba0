/** What a newcomer sees in the terminal: the few addresses to open, and nothing else. */
import type { Config } from './config/schema.ts';

export function banner(config: Config, notices: readonly string[], hasInbox: boolean): string {
  const lines = [`Postern listens on ${config.baseUrl}`, ''];
  if (!config.production) lines.push(`  Try it     ${config.baseUrl}/demo`);
  if (hasInbox) lines.push(`  Mail       ${config.baseUrl}/dev/inbox`);
  for (const [slug, app] of Object.entries(config.apps)) {
    const issuer = app.issuer ?? `${config.baseUrl}/${slug}`;
    lines.push(`  ${app.name.padEnd(10)} ${issuer}/.well-known/openid-configuration`);
  }
  return `${[...lines, ...notices.map((notice) => `\n${notice}`)].join('\n')}\n\n`;
}
