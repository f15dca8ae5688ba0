#!/bin/sh
# Makes every secret of the deployment once, each into the volume of those who need it, and never prints one. What is there
# already stays, so that it may run at every start. Owners are the users of the containers (MONGO_USER, POSTERN_USER).
set -eu

MONGO_DIR=${MONGO_DIR:-/secrets/mongo}
POSTERN_DIR=${POSTERN_DIR:-/secrets/postern}
CADDY_DIR=${CADDY_DIR:-/caddy}
MONGO_USER=${MONGO_USER:-999:999}
POSTERN_USER=${POSTERN_USER:-1000:1000}

umask 077

# Random bytes in base64, on one line.
random() {
  head -c "$1" /dev/urandom | base64 | tr -d '\n'
}

# keep FILE OWNER: stores standard input under this name unless there is one. It gets its name only when it is whole, so that
# a crash in between leaves nothing that would be taken for a secret.
keep() {
  if [ -s "$1" ]; then
    cat >/dev/null
  else
    cat >"$1.part"
    chmod 400 "$1.part"
    chown "$2" "$1.part"
    sync
    mv "$1.part" "$1"
    echo "made $1"
  fi
}

# Members of a replica set know each other by it; MongoDB takes 6 to 1024 characters of base64.
random 756 | keep "$MONGO_DIR/keyfile" "$MONGO_USER"
random 32 | tr '+/' '-_' | tr -d '=' | keep "$MONGO_DIR/root-password" "$MONGO_USER"
random 32 | tr '+/' '-_' | tr -d '=' | keep "$MONGO_DIR/postern-password" "$MONGO_USER"

random 32 | keep "$POSTERN_DIR/secret.key" "$POSTERN_USER"
printf 'mongodb://postern:%s@mongo:27017/postern?replicaSet=rs0&authSource=postern' \
  "$(cat "$MONGO_DIR/postern-password")" | keep "$POSTERN_DIR/store-url" "$POSTERN_USER"

chown "$MONGO_USER" "$MONGO_DIR"
chown "$POSTERN_USER" "$POSTERN_DIR" "$CADDY_DIR"/*
chmod 700 "$MONGO_DIR" "$POSTERN_DIR"
