import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { EXIT } from '../../../src/cli/command.ts';
import { DAY } from '../../../src/core/clock.ts';
import { passTime, restoreTime } from '../../support/engine-time.ts';
import { callbackOf, type Harness, startPostern } from '../../support/harness.ts';
import { operator } from '../../support/operator.ts';
import { enrol, PASSKEY_APPS, signInOffered, signInWithPasskey } from '../../support/passkeys.ts';
import { pageOf } from '../../support/relying-party.ts';

describe('passkeys: support for somebody who lost a device', () => {
  const secret = randomBytes(32);
  let harness: Harness;
  let postern: ReturnType<typeof operator>;
  before(async () => {
    harness = await startPostern({ apps: PASSKEY_APPS, secrets: [secret] });
    postern = operator(harness, PASSKEY_APPS, secret);
  });
  after(async () => {
    restoreTime();
    await harness.close();
  });

  it('the list names where a passkey is and when it was used; removed, it signs nobody in and a new one is offered', async () => {
    const person = await enrol(harness, { wrongs: { aaguid: 'bada5566-a7aa-401f-bd96-45619a55120d' } });
    const other = await enrol(harness);
    await signInWithPasskey(harness, person);
    const list = await postern(`passkeys list --app shop --user ${person.address}`);
    expect(list.code).to.equal(EXIT.ok);
    expect(list.out.join()).to.match(
      /^[\w-]{22} {2}1Password {2}on one device {2}made \d{4}-.* {2}last used /,
    );
    const [id = ''] = list.out.join().split(' ');
    const removed = await postern(`passkeys remove --app shop --user ${person.address} --passkey ${id}`);
    expect(removed.out.join()).to.include('removed');
    const { answer } = await signInWithPasskey(harness, person);
    expect(pageOf(answer).text).to.include('could not sign you in');
    expect(callbackOf((await signInWithPasskey(harness, other)).answer)).to.include('code=');
    passTime(harness, 8 * DAY);
    expect(pageOf((await signInOffered(harness, { address: person.address })).offer).title).to.include(
      'faster',
    );
    const app = harness.server.apps.bySlug('shop');
    const events = app ? await harness.server.audit.list(app.id, { limit: 100 }) : [];
    expect(events.filter(({ type }) => type === 'passkey.removed')).to.have.length(1);
    expect(events.find(({ type }) => type === 'passkey.removed')).to.include({ passkey: id, by: 'operator' });
  });

  it('one of somebody else is not removed by naming another user', async () => {
    const [one, other] = [await enrol(harness), await enrol(harness)];
    const [id = ''] = (await postern(`passkeys list --app shop --user ${one.address}`)).out.join().split(' ');
    const said = await postern(`passkeys remove --app shop --user ${other.address} --passkey ${id}`);
    expect(said.err.join()).to.include('no passkey');
    expect(callbackOf((await signInWithPasskey(harness, one)).answer)).to.include('code=');
    expect(await postern('passkeys list --app shop')).to.include({ code: EXIT.usage });
  });
});
