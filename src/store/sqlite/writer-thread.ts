/**
 * The writer thread: takes a batch, gives it one transaction and one fsync, answers after COMMIT. Nothing is answered
 * that is not on the disk, and a thread that dies leaves at worst a transaction that SQLite rolls back.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openWriterConnection } from './connection.ts';
import { type Operations, prepareOperations } from './operations.ts';
import {
  type Fault,
  LOCK_WAIT_MS,
  type Operation,
  type Outcome,
  type Reply,
  type Request,
  type WriterSettings,
} from './protocol.ts';
import { faultOf, isBusy } from './sqlite-fault.ts';

/** The lock of another process is held for one fsync at a time, so a short pause finds the gap between two of them. */
const PAUSE_MS = 1;

interface Session {
  readonly db: DatabaseSync;
  readonly operations: Operations;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
}

// Only `Writer` starts this file, with these settings.
const settings = workerData as WriterSettings;
const pause = new Int32Array(new SharedArrayBuffer(4));
let session: Session | undefined;

parentPort?.on('message', (request: Request) => {
  const reply = request === 'close' ? close() : execute(request);
  parentPort?.postMessage(reply);
});

function execute(batch: readonly Operation[]): Reply {
  try {
    const opened = begin();
    return opened ? commit(opened, batch) : 'busy';
  } catch (thrown) {
    if (session?.db.isTransaction) session.db.exec('ROLLBACK');
    return faultOf(thrown);
  }
}

/** Opens the file if need be and takes the write lock; undefined when another process held it all the time. */
function begin(): Session | undefined {
  for (let waited = 0; waited < LOCK_WAIT_MS; waited += PAUSE_MS) {
    try {
      session ??= open();
      session.begin.run();
      return session;
    } catch (thrown) {
      if (!isBusy(thrown)) throw thrown;
    }
    Atomics.wait(pause, 0, 0, PAUSE_MS);
  }
  return undefined;
}

function commit({ db, operations, commit }: Session, batch: readonly Operation[]): Reply {
  const outcomes: Outcome[] = [];
  for (const operation of batch) {
    const outcome = attempt(operations, operation);
    outcomes.push(outcome);
    // A full disk or a failed read may end the whole transaction: then nothing of this batch was kept.
    if (!db.isTransaction) return wholeBatch(outcome);
  }
  commit.run();
  return outcomes;
}

function attempt(operations: Operations, [name, ...cells]: Operation): Outcome {
  try {
    return operations[name](cells);
  } catch (thrown) {
    return faultOf(thrown);
  }
}

const wholeBatch = (cause: Outcome): Fault => ({
  fault: 'unavailable',
  message: typeof cause === 'object' && cause !== null && 'fault' in cause ? cause.message : 'rolled back',
});

function open(): Session {
  const db = openWriterConnection(settings);
  return {
    db,
    operations: prepareOperations(db),
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
  };
}

/** The last connection to the file moves the log into it and removes the log. */
function close(): Reply {
  try {
    session?.db.close();
    return 'closed';
  } catch (thrown) {
    return faultOf(thrown);
  }
}
