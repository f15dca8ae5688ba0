/** `artifacts` of the port. */
import type { Document } from 'mongodb';
import { randomToken } from '../../core/random.ts';
import {
  type Artifact,
  type ArtifactDraft,
  type ArtifactIndex,
  type Artifacts,
  type JsonObject,
  type Marks,
  type Scope,
  TOMBSTONE,
} from '../port.ts';
import { type ArtifactDocument, alive, BY_ID, date, ended, given, parse } from './documents.ts';
import { untilNoDuplicate } from './duplicates.ts';
import type { Link } from './link.ts';
import { isDuplicate } from './mongo-fault.ts';
import { assertStorable, isStorable, nameIn, placeOf } from './names.ts';

/** Marks are named in code, never by a request; this keeps them harmless in a field path. */
const MARK_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** A page of `findBy`; a person rarely has more than a handful. */
const PAGE = 1000;

export class MongoArtifacts implements Artifacts {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** The search is by id alone and the server decides in the pipeline, so a tombstone is told from a race. */
  async upsert(scope: Scope, model: string, artifact: ArtifactDraft, now: number): Promise<boolean> {
    const row = documentOf(scope, model, artifact);
    const update = [{ $replaceWith: unlessTombstone(row, now) }];
    const after = await this.#link.run((rooms) =>
      untilNoDuplicate(() =>
        rooms.artifact.findOneAndUpdate({ _id: row._id }, update, {
          upsert: true,
          returnDocument: 'after',
          projection: { [`marks.${TOMBSTONE}`]: 1 },
        }),
      ),
    );
    return after?.marks?.[TOMBSTONE] === undefined;
  }

  /** As `put` of one-time values: where a row lives, the insert half meets its id. */
  async insert(scope: Scope, model: string, artifact: ArtifactDraft, now: number): Promise<boolean> {
    const { _id, ...row } = documentOf(scope, model, artifact);
    return this.#link.run(async (rooms) => {
      try {
        await rooms.artifact.replaceOne({ _id, ...ended(now) }, row, { upsert: true, ...BY_ID });
        return true;
      } catch (thrown) {
        if (isDuplicate(thrown)) return false;
        throw thrown;
      }
    });
  }

  async find(scope: Scope, model: string, id: string, now: number): Promise<Artifact | undefined> {
    if (!isStorable(scope, model, id)) return undefined;
    const row = await this.#link.run((rooms) =>
      rooms.artifact.findOne({ _id: placeOf(scope, model, id), ...alive(now) }),
    );
    return row ? artifactOf(row) : undefined;
  }

  async findBy(
    scope: Scope,
    model: string,
    index: ArtifactIndex,
    value: string,
    now: number,
  ): Promise<readonly Artifact[]> {
    if (!isStorable(scope, model, value)) return [];
    const rows = await this.#link.runRepeatable((rooms) =>
      rooms.artifact
        .find({ [index]: placeOf(scope, model, value), ...alive(now) }, { batchSize: PAGE })
        .toArray(),
    );
    return rows.map(artifactOf);
  }

  /** Every call names itself, so that the row as it stands after the one operation tells the winner from the losers. */
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
    const path = `marks.${mark}`;
    const mine = { by: randomToken(), json: JSON.stringify(value) };
    const update = [{ $set: { [path]: { $ifNull: [`$${path}`, { $literal: mine }] } } }];
    const after = await this.#link.run((rooms) =>
      rooms.artifact.findOneAndUpdate({ _id: placeOf(scope, model, id), ...alive(now) }, update, {
        returnDocument: 'after',
      }),
    );
    if (!after) return { won: false, artifact: undefined };
    return { won: after.marks?.[mark]?.by === mine.by, artifact: artifactOf(after) };
  }

  async remove(scope: Scope, model: string, id: string): Promise<boolean> {
    if (!isStorable(scope, model, id)) return false;
    const { deletedCount } = await this.#link.run((rooms) =>
      rooms.artifact.deleteOne({ _id: placeOf(scope, model, id) }),
    );
    return deletedCount === 1;
  }

  /** Asked a second time after a broken connection, the number is that of the second time. */
  async removeBy(scope: Scope, model: string, index: ArtifactIndex, value: string): Promise<number> {
    if (!isStorable(scope, model, value)) return 0;
    const filter = { [index]: placeOf(scope, model, value), [`marks.${TOMBSTONE}`]: { $exists: false } };
    const { deletedCount } = await this.#link.runRepeatable((rooms) => rooms.artifact.deleteMany(filter));
    return deletedCount;
  }
}

/** The whole row anew with the marks it had; a tombstone stays what it is, and marks die with the row they were on. */
function unlessTombstone(row: ArtifactDocument, now: number): Document {
  const hasEnded = {
    $and: [{ $eq: [{ $type: '$expiresAt' }, 'date'] }, { $lte: ['$expiresAt', date(now)] }],
  };
  const isTombstone = {
    $and: [{ $ne: [{ $type: `$marks.${TOMBSTONE}` }, 'missing'] }, { $not: [hasEnded] }],
  };
  // Literal: a value that begins with "$" would be read as the name of a field.
  const anew = { $mergeObjects: [{ $literal: row }, { $cond: [hasEnded, {}, { marks: '$marks' }] }] };
  return { $cond: [isTombstone, '$$ROOT', anew] };
}

export function documentOf(scope: Scope, model: string, artifact: ArtifactDraft): ArtifactDocument {
  const { id, data, grantId, uid, accountId, clientId, expiresAt } = artifact;
  assertStorable(scope, model, id, grantId, uid, accountId, clientId);
  const place = (value: string | undefined): string | undefined =>
    value === undefined ? undefined : placeOf(scope, model, value);
  return {
    _id: placeOf(scope, model, id),
    scope,
    kind: model,
    data: JSON.stringify(data),
    ...given('grantId', place(grantId)),
    ...given('uid', place(uid)),
    ...given('accountId', place(accountId)),
    ...given('clientId', place(clientId)),
    ...given('expiresAt', expiresAt === undefined ? undefined : date(expiresAt)),
  };
}

export function artifactOf(row: ArtifactDocument): Artifact {
  const name = (place: string | undefined): string | undefined =>
    place === undefined ? undefined : nameIn(place, row.scope, row.kind);
  return {
    id: nameIn(row._id, row.scope, row.kind),
    data: parse<JsonObject>(row.data),
    marks: marksOf(row.marks),
    ...given('grantId', name(row.grantId)),
    ...given('uid', name(row.uid)),
    ...given('accountId', name(row.accountId)),
    ...given('clientId', name(row.clientId)),
    ...given('expiresAt', row.expiresAt?.getTime()),
  };
}

const marksOf = (marks: ArtifactDocument['marks']): Marks =>
  Object.fromEntries(Object.entries(marks ?? {}).map(([name, { json }]) => [name, parse<JsonObject>(json)]));
