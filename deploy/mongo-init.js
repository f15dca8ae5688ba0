/**
 * Run by mongosh beside the server at every start: makes the replica set, the administrator and Postern's own user, each only
 * where it is missing. Until the administrator exists, MongoDB lets a connection from its own machine do this (localhost
 * exception); afterwards the script signs in.
 */
/* global db, print, require, sleep */
const { readFileSync } = require('node:fs');

/** First build of each release line without CVE-2025-14847 (unauthenticated heap read); Postern knows no older line. */
const SAFE_BUILDS = { '6.0': 27, '7.0': 28, '8.0': 17, 8.2: 3 };
const AUTHENTICATION_FAILED = 18;
const WAIT_MS = 60_000;
const LOOK_EVERY_MS = 200;

const secret = (name) => readFileSync(`/secrets/mongo/${name}`, 'utf8').trim();
const admin = db.getSiblingDB('admin');

function refuseUnsafeBuild() {
  const { version } = admin.runCommand({ buildInfo: 1 });
  const [major, minor, patch] = version.split('.').map(Number);
  const safe = SAFE_BUILDS[`${major}.${minor}`];
  const isNewerLine = major > 8 || (major === 8 && minor > 2);
  if (isNewerLine || (safe !== undefined && patch >= safe)) return;
  throw new Error(`MongoDB ${version} is not safe (CVE-2025-14847): docker compose pull mongo`);
}

function signIn() {
  try {
    admin.auth('root', secret('root-password'));
    return true;
  } catch (error) {
    if (error.code === AUTHENTICATION_FAILED) return false;
    throw error;
  }
}

function makeReplicaSet() {
  const hello = admin.runCommand({ hello: 1 });
  if (hello.setName !== undefined) return;
  const members = [{ _id: 0, host: 'mongo:27017' }];
  admin.runCommand({ replSetInitiate: { _id: 'rs0', members } });
  print('replica set made');
}

function waitForPrimary() {
  for (let waited = 0; waited < WAIT_MS; waited += LOOK_EVERY_MS) {
    if (admin.runCommand({ hello: 1 }).isWritablePrimary) return;
    sleep(LOOK_EVERY_MS);
  }
  throw new Error('the replica set has no primary');
}

function makeUsers() {
  if (!signIn()) {
    admin.createUser({ user: 'root', pwd: secret('root-password'), roles: ['root'] });
    print('administrator made');
    if (!signIn()) throw new Error('the administrator cannot sign in: the volumes belong to two deployments');
  }
  // Nothing but its own database: whoever takes over Postern does not own the server.
  const own = db.getSiblingDB('postern');
  const pwd = secret('postern-password');
  const roles = [{ role: 'readWrite', db: 'postern' }];
  if (own.getUser('postern')) {
    own.updateUser('postern', { pwd, roles });
  } else {
    own.createUser({ user: 'postern', pwd, roles });
    print('user postern made');
  }
}

makeReplicaSet();
waitForPrimary();
makeUsers();
refuseUnsafeBuild();
print('MongoDB is ready for Postern');
