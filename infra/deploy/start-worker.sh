#!/bin/sh
# Starts a worker whose sandboxes are made by a Docker engine outside this container. The engine mounts Node and the supervisor
# into every sandbox, so both must lie where the engine sees them under the same path: in RONDO_HOME, which is the same folder
# on the host and here. A file is replaced by a rename, so sandboxes that run keep the one they started with.
set -eu

runtime="$RONDO_HOME/runtime"
mkdir -p "$runtime/dist"

place() {
  cp "$1" "$2.$$"
  mv -f "$2.$$" "$2"
}
place "$(readlink -f /app/node_modules/.bin/node)" "$runtime/node"
place /app/dist/supervisor.mjs "$runtime/dist/supervisor.mjs"

cd "$runtime"
exec "$runtime/node" --enable-source-maps /app/dist/apps/worker/main.js
