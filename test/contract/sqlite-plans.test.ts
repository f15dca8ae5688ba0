/** No statement of the embedded store reads a whole table or sorts: each goes by the index that was made for it. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { expect } from 'chai';
import { prepareOperations } from '../../src/store/sqlite/operations.ts';
import { queries } from '../../src/store/sqlite/reader.ts';
import { createTables } from '../../src/store/sqlite/schema.ts';

/** Remembers what was prepared. */
class ListeningDatabase extends DatabaseSync {
  readonly heard: string[] = [];
  override prepare(sql: string): StatementSync {
    this.heard.push(sql);
    return super.prepare(sql);
  }
}

const READS: Readonly<Record<keyof typeof queries, string>> = {
  record: 'record_id (scope=? AND kind=? AND id=?)',
  recordByKey: 'record_key (scope=? AND kind=? AND key=?)',
  recordList: 'record_id (scope=? AND kind=?)',
  recordListAfter: 'record_id (scope=? AND kind=? AND id>?)',
  recordListOfGroup: 'record_group (scope=? AND kind=? AND group=?)',
  recordListOfGroupAfter: 'record_group (scope=? AND kind=? AND group=? AND id>?)',
  recordDue: 'record_due (kind=? AND due_at<?)',
  oneTime: 'one_time_key (scope=? AND kind=? AND key=?)',
  artifact: 'artifact_id (scope=? AND model=? AND id=?)',
  artifactsBy_grantId: 'artifact_grant (grant_id=?)',
  artifactsBy_uid: 'artifact_uid (uid=?)',
  artifactsBy_accountId: 'artifact_account (account_id=?)',
  artifactsBy_clientId: 'artifact_client (scope=? AND client_id=? AND model=?)',
  counter: 'counter_key (scope=? AND key=?)',
};

/** Searches of the writer, by what the statement begins with or contains; the rest are inserts that need none. */
const WRITES: readonly (readonly [part: string, index: string])[] = [
  ['DELETE FROM record WHERE scope = ?1 AND kind = ?2 AND key', 'record_key (scope=? AND kind=? AND key=?)'],
  ['UPDATE record', 'record_id (scope=? AND kind=? AND id=?)'],
  ['DELETE FROM record WHERE scope = ?1 AND kind = ?2 AND id', 'record_id (scope=? AND kind=? AND id=?)'],
  ['DELETE FROM one_time WHERE scope', 'one_time_key (scope=? AND kind=? AND key=?)'],
  ['UPDATE artifact SET data', 'artifact_id (scope=? AND model=? AND id=?)'],
  ['UPDATE artifact SET marks', 'artifact_id (scope=? AND model=? AND id=?)'],
  ['DELETE FROM artifact WHERE scope', 'artifact_id (scope=? AND model=? AND id=?)'],
  ['WHERE grant_id = ?3', 'artifact_grant (grant_id=?)'],
  ['WHERE uid = ?3', 'artifact_uid (uid=?)'],
  ['WHERE account_id = ?3', 'artifact_account (account_id=?)'],
  ['WHERE scope = ?1 AND client_id = ?3', 'artifact_client (scope=? AND client_id=? AND model=?)'],
  ['UPDATE counter', 'counter_key (scope=? AND key=?)'],
  ['SELECT rowid FROM artifact WHERE expires_at <=', 'artifact_expiry (expires_at<?)'],
  ['SELECT rowid FROM one_time WHERE expires_at <=', 'one_time_expiry (expires_at<?)'],
  ['SELECT rowid FROM record WHERE expires_at <=', 'record_expiry (expires_at<?)'],
  ['SELECT rowid FROM counter WHERE resets_at <=', 'counter_expiry (resets_at<?)'],
];

describe('sqlite: the plans of its statements', () => {
  let db: ListeningDatabase;
  let written: readonly string[];
  before(() => {
    db = new ListeningDatabase(':memory:');
    createTables(db);
    db.heard.length = 0;
    prepareOperations(db);
    written = [...db.heard];
  });
  after(() => db.close());

  const planOf = (sql: string): string =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((step) => String(step.detail))
      .join('\n');

  for (const [name, index] of Object.entries(READS)) {
    it(`reads by ${name}`, () => {
      const sql = Object.entries(queries).find(([key]) => key === name)?.[1] ?? '';
      const plan = planOf(sql);
      expect(plan).to.include(index);
      expect(plan).not.to.match(/SCAN|TEMP B-TREE/);
    });
  }

  for (const [part, index] of WRITES) {
    it(`writes by "${part}"`, () => {
      const statements = written.filter((sql) => sql.replace(/\s+/g, ' ').includes(part));
      expect(statements).not.to.have.length(0);
      for (const sql of statements) {
        expect(planOf(sql)).to.include(index);
        expect(planOf(sql)).not.to.match(/SCAN/);
      }
    });
  }
});
