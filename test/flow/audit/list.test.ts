/** `postern audit list` while the server runs. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import { APPS, type Harness, startPostern } from '../../support/harness.ts';
import { loginWithTokens } from '../../support/logins.ts';
import { operator } from '../../support/operator.ts';

describe('postern audit list', () => {
  const secret = randomBytes(32);
  let harness: Harness;
  let postern: ReturnType<typeof operator>;
  before(async () => {
    harness = await startPostern({ secrets: [secret] });
    postern = operator(harness, APPS, secret);
  });
  after(() => harness.close());

  it('AD-10 prints what happened in one app, by person and type, and no secret', async () => {
    const { tokens, address } = await loginWithTokens(harness);
    await loginWithTokens(harness, { slug: 'studio' });
    const { code, out } = await postern('audit list --app shop --json');
    expect(code).to.equal(EXIT.ok);
    const events = out.map((line) => JSON.parse(line));
    const types = events.map(({ type }) => type);
    expect(types).to.include.members([
      'challenge.begun',
      'challenge.proved',
      'sign_in.succeeded',
      'token.issued',
    ]);
    const ids = events.map(({ id }) => String(id));
    expect([...ids].sort()).to.deep.equal(ids);
    expect(new Set(events.map(({ app }) => app)).size).to.equal(1);
    for (const secretValue of [address, tokens.access_token, tokens.refresh_token])
      expect(out.join('\n')).not.to.include(secretValue);

    const mine = await postern(
      `audit list --app shop --json --type token.issued,sign_in.succeeded --user ${tokens.claims?.sub}`,
    );
    expect(mine.out.map((line) => JSON.parse(line).type).sort()).to.deep.equal([
      'sign_in.succeeded',
      'token.issued',
    ]);
    const lines = (await postern('audit list --app shop --type sign_in.succeeded')).out;
    expect(lines.join('\n')).to.match(/^\d{4}-\d\d-\d\dT\S+ {2}sign_in\.succeeded {2}/);
    expect((await postern('audit list --app shop --since 2999-01-01T00:00:00Z')).out).to.deep.equal([]);
  });

  it('says what it does not understand', async () => {
    for (const [line, word] of [
      ['audit list', '--app'],
      ['audit list --app nobody', 'nobody'],
      ['audit list --app shop --type sign_in.magic', 'sign_in.magic'],
      ['audit list --app shop --since yesterday', '--since'],
    ] as const) {
      const { code, err } = await postern(line);
      expect(code, line).to.equal(EXIT.usage);
      expect(err.join('\n'), line).to.include(word);
    }
  });
});
