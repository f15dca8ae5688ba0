/** Changes of clients between two starts, as the audit log has them; and how long an app keeps its log. */
import { expect } from 'chai';
import type { App } from '../../src/apps/apps.ts';
import { noteClientChanges } from '../../src/apps/client-changes.ts';
import { createAudit } from '../../src/audit/audit.ts';
import { DAY } from '../../src/core/clock.ts';
import { asAppId } from '../../src/core/ids.ts';
import { memoryStore, TestClock } from '../flow/mail/memory-store.ts';

const [SHOP, BANK] = [asAppId('shop'), asAppId('bank')];

describe('client changes', () => {
  const open = () => {
    const [store, clock] = [memoryStore(), new TestClock()];
    const audit = createAudit({ store, clock });
    // Only these two are looked at.
    const app = (clients: object) => ({ id: SHOP, settings: { clients } }) as unknown as App;
    const start = (clients: object, record = audit.record) =>
      noteClientChanges(app(clients), { store, clock, record });
    const told = async () =>
      (await audit.list(SHOP, { limit: 100 })).map(({ type, clientId, ...more }) =>
        [type, clientId, ...('settings' in more ? more.settings : [])].join(' '),
      );
    return { clock, start, told };
  };
  const web = { redirect_uris: ['https://a.example/'], client_secret: 'f'.repeat(40) };

  it('tells what was added, changed and removed, by name and never by value', async () => {
    const { clock, start, told } = open();
    await start({ web, api: {} });
    clock.move(1);
    await start({ web, api: {} });
    expect((await told()).sort()).deep.equal([
      'client.added api',
      'client.added web redirect_uris client_secret',
    ]);
    clock.move(1);
    await start({ web: { ...web, client_secret: 'e'.repeat(40) } });
    expect((await told()).slice(2).sort()).deep.equal([
      'client.changed web client_secret',
      'client.removed api',
    ]);
    expect(JSON.stringify(await told())).not.include('eeee');
  });

  it('tells each change once when many processes start at once', async () => {
    const { start, told } = open();
    await Promise.all(Array.from({ length: 8 }, () => start({ web })));
    await Promise.all(Array.from({ length: 8 }, () => start({ web: { ...web, client_name: 'Web' } })));
    expect((await told()).sort()).deep.equal([
      'client.added web redirect_uris client_secret',
      'client.changed web client_name',
    ]);
  });

  it('AD-10 loses none when a process dies between the row and the log: the next start tells it', async () => {
    const { clock, start, told } = open();
    const killed = await start({ web }, () => Promise.reject(new Error('killed'))).catch(() => 'killed');
    expect([killed, await told()]).deep.equal(['killed', []]);
    clock.move(DAY);
    await start({ web });
    expect(await told()).deep.equal(['client.added web redirect_uris client_secret']);
  });
});

describe('audit retention', () => {
  it('is each app’s own', async () => {
    const [store, clock] = [memoryStore(), new TestClock()];
    const settingsOf = (app: string) => ({ retention: app === SHOP ? 7 * DAY : 30 * DAY, log: false });
    const audit = createAudit({ store, clock, settingsOf });
    for (const app of [SHOP, BANK]) await audit.record(app, { type: 'challenge.reported' });
    const left = async () =>
      Promise.all([SHOP, BANK].map(async (app) => (await audit.list(app, { limit: 10 })).length));
    clock.move(7 * DAY - 1);
    expect(await left()).deep.equal([1, 1]);
    clock.move(2);
    expect(await left()).deep.equal([0, 1]);
    clock.move(23 * DAY);
    expect(await left()).deep.equal([0, 0]);
  });
});
