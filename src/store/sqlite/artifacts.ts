/** `artifacts` of the port. */
import type { Artifact, ArtifactDraft, ArtifactIndex, Artifacts, JsonObject, Marks, Scope } from '../port.ts';
import { assertStorable, cell, isStorable, number, parse, text } from './cells.ts';
import { type Cell, REMOVE_AT_ONCE } from './protocol.ts';
import type { Reader, Row } from './reader.ts';
import type { Writer } from './writer.ts';

/** Marks are named in code, never by a request; this keeps them harmless in a JSON path. */
const MARK_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

export class SqliteArtifacts implements Artifacts {
  readonly #writer: Writer;
  readonly #reader: () => Reader;

  constructor(writer: Writer, reader: () => Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async upsert(scope: Scope, model: string, artifact: ArtifactDraft, now: number): Promise<boolean> {
    return this.#writer.run('artifactUpsert', ...cellsOf(scope, model, artifact), now);
  }

  async insert(scope: Scope, model: string, artifact: ArtifactDraft, now: number): Promise<boolean> {
    return this.#writer.run('artifactInsert', ...cellsOf(scope, model, artifact), now);
  }

  async find(scope: Scope, model: string, id: string, now: number): Promise<Artifact | undefined> {
    if (!isStorable(scope, model, id)) return undefined;
    const row = await this.#reader().one('artifact', scope, model, id, now);
    return row && artifactOf(id, row);
  }

  async findBy(
    scope: Scope,
    model: string,
    index: ArtifactIndex,
    value: string,
    now: number,
  ): Promise<readonly Artifact[]> {
    if (!isStorable(scope, model, value)) return [];
    const rows = await this.#reader().all(`artifactsBy_${index}`, scope, model, value, now);
    return rows.map((row) => artifactOf(text(row[0]) ?? '', row));
  }

  async mark(
    scope: Scope,
    model: string,
    id: string,
    mark: string,
    value: JsonObject,
    now: number,
  ): Promise<{ readonly won: boolean; readonly artifact: Artifact | undefined }> {
    if (!MARK_NAME.test(mark)) throw new RangeError(`not the name of a mark: ${mark}`);
    if (!isStorable(scope, model, id)) return { won: false, artifact: undefined };
    const json = JSON.stringify(value);
    const row = await this.#writer.run('artifactMark', scope, model, id, `$.${mark}`, json, now);
    // The first cell, in place of the id, tells who won.
    return row === null
      ? { won: false, artifact: undefined }
      : { won: row[0] === 1, artifact: artifactOf(id, row) };
  }

  async remove(scope: Scope, model: string, id: string): Promise<boolean> {
    if (!isStorable(scope, model, id)) return false;
    return this.#writer.run('artifactRemove', scope, model, id);
  }

  async removeBy(scope: Scope, model: string, index: ArtifactIndex, value: string): Promise<number> {
    if (!isStorable(scope, model, value)) return 0;
    let total = 0;
    for (;;) {
      const removed = await this.#writer.run('artifactRemoveBy', scope, model, value, index);
      total += removed;
      if (removed < REMOVE_AT_ONCE) return total;
    }
  }
}

function cellsOf(scope: Scope, model: string, artifact: ArtifactDraft): readonly Cell[] {
  const { id, data, grantId, uid, accountId, clientId, expiresAt } = artifact;
  assertStorable(scope, model, id, grantId, uid, accountId, clientId);
  return [
    scope,
    model,
    id,
    JSON.stringify(data),
    cell(grantId),
    cell(uid),
    cell(accountId),
    cell(clientId),
    cell(expiresAt),
  ];
}

/** @param row one cell, then ARTIFACT_COLUMNS */
function artifactOf(id: string, row: Row): Artifact {
  const grantId = text(row[3]);
  const uid = text(row[4]);
  const accountId = text(row[5]);
  const clientId = text(row[6]);
  const expiresAt = number(row[7]);
  return {
    id,
    data: parse<JsonObject>(row[1]),
    marks: row[2] === null ? {} : parse<Marks>(row[2]),
    ...(grantId === undefined ? undefined : { grantId }),
    ...(uid === undefined ? undefined : { uid }),
    ...(accountId === undefined ? undefined : { accountId }),
    ...(clientId === undefined ? undefined : { clientId }),
    ...(expiresAt === undefined ? undefined : { expiresAt }),
  };
}
