/** `postern secret status|reseal`: what still names an older master secret, and writing it anew under the newest. */
import { SUPPRESSION } from '../mail/suppressions.ts';
import type { KeySetRow } from '../oidc/key-set.ts';
import { KEY_SET_KIND } from '../oidc/keys.ts';
import { resealMark, sealVersion } from '../oidc/resealed.ts';
import type { Place, TransferRow } from '../store/maintenance.ts';
import { openMaintenance } from '../store/open.ts';
import { type Command, EXIT } from './command.ts';
import { type Deployment, withDeployment } from './deployment.ts';
import { suppressionsOf } from './mail-suppressions.ts';

const PAGE = 500;
/** What a sealed value of the file is counted as, beside the kinds of rows. */
const IN_FILE = 'value in the configuration file';

export const secretStatus: Command = {
  name: 'secret status',
  summary: 'show how many rows name each version of the master secret, and which may be taken out',
  run: (_flags, surface) =>
    withDeployment(surface, async (deployment) => {
      const { keyring, sealed } = deployment;
      const counts = new Map(keyring.versions.map((version) => [version, new Map<string, number>()]));
      for await (const row of rowsOf(deployment)) {
        for (const version of versionsOf(row, deployment)) {
          const kinds = counts.get(version) ?? new Map<string, number>();
          kinds.set(row.kind, (kinds.get(row.kind) ?? 0) + 1);
          counts.set(version, kinds);
        }
      }
      for (const { version } of sealed) {
        const kinds = counts.get(version) ?? new Map<string, number>();
        kinds.set(IN_FILE, (kinds.get(IN_FILE) ?? 0) + 1);
        counts.set(version, kinds);
      }
      let isWhole = true;
      for (const [version, kinds] of counts) {
        const place = keyring.versions.indexOf(version);
        isWhole &&= place >= 0 || kinds.size === 0;
        const what = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'no rows';
        surface.print(`${version}  ${roleOf(place, kinds.size)}  ${what}`);
      }
      for (const line of toSealAnew(deployment)) surface.print(line);
      return isWhole ? EXIT.ok : EXIT.failed;
    }),
};

export const secretReseal: Command = {
  name: 'secret reseal',
  summary:
    'write what is sealed under an older master secret under the newest; may be repeated, servers may run',
  run: (_flags, surface) =>
    withDeployment(surface, async (deployment) => {
      const { keys, apps, audit, keyring } = deployment;
      let done = 0;
      for (const app of apps.all) {
        const rows = (await keys.reseal(app)) + (await suppressionsOf(deployment).reseal(app.id));
        done += rows;
        if (rows > 0) await audit.record(app.id, { type: 'secret.resealed', version: keyring.current, rows });
      }
      for await (const row of rowsOf(deployment)) {
        if (await resealed(row, deployment)) done += 1;
        surface.progress?.(`${done} rows resealed`);
      }
      surface.print(`${done} rows resealed; "postern secret status" shows what still has to expire`);
      for (const line of toSealAnew(deployment)) surface.print(line);
      return EXIT.ok;
    }),
};

/** Only its owner writes the configuration file. */
const toSealAnew = ({ sealed, keyring }: Deployment): string[] =>
  sealed
    .filter(({ version }) => version !== keyring.current)
    .map(({ path }) => `${path} is sealed under an older secret: seal it anew ("postern secret seal")`);

function roleOf(place: number, kinds: number): string {
  if (place === 0) return 'newest: seals';
  if (place > 0) return kinds === 0 ? 'older: may be taken out' : 'older: still needed';
  return 'MISSING from SECRET_KEY';
}

/** Records and artifacts: nothing else names a secret. */
async function* rowsOf({ config, clock }: Deployment): AsyncGenerator<TransferRow> {
  const maintenance = openMaintenance(config.storeUrl);
  try {
    for (const table of ['record', 'artifact'] as const) {
      let after: Place | undefined;
      for (;;) {
        const rows = await maintenance.dump(table, after, PAGE, clock.now());
        yield* rows;
        const last = rows.at(-1);
        if (!last) break;
        after = { scope: last.scope, kind: last.kind, id: last.id };
      }
    }
  } finally {
    await maintenance.close();
  }
}

/** Without what names a secret that it no longer needs: challenges whose link has ended. */
function versionsOf(row: TransferRow, { clock }: Deployment): ReadonlySet<string> {
  if (row.table === 'artifact') {
    const { sealed } = row.data;
    if (typeof sealed !== 'string') return new Set();
    const anew = Object.entries(row.marks).find(
      ([name, mark]) => name.startsWith('resealed_') && mark?.of === sealed,
    );
    return new Set([sealVersion(String(anew?.[1]?.sealed ?? sealed))]);
  }
  if (row.table !== 'record') return new Set();
  if (row.kind === KEY_SET_KIND) {
    const { generations } = row.data as unknown as KeySetRow; // written by `SigningKeys`
    return new Set(generations.flatMap(({ keys }) => keys.map(({ sealed }) => sealVersion(sealed))));
  }
  if (row.kind === SUPPRESSION) return new Set([String(row.data.keyVersion)]);
  if (row.kind !== 'challenge' || Number(row.data.endsAt) <= clock.now()) return new Set();
  return new Set([String(row.data.keyVersion)]);
}

/** Sessions and the like: beside the sealed text, so that a server that saves the row meanwhile is not overwritten. */
async function resealed(row: TransferRow, { store, keyring, clock }: Deployment): Promise<boolean> {
  const { scope, kind, id } = row;
  if (row.table !== 'artifact' || typeof row.data.sealed !== 'string') return false;
  if (scope === '@system') return false;
  const text = row.data.sealed;
  const version = sealVersion(text);
  if (version === keyring.current || !keyring.versions.includes(version)) return false;
  const aad = `${kind}:${id}`;
  const sealed = keyring.seal(scope, aad, keyring.open(scope, aad, text));
  const mark = { of: text, sealed };
  return (await store.artifacts.mark(scope, kind, id, resealMark(keyring.current), mark, clock.now())).won;
}
