#!/bin/sh
# Builds example-filter.wasm, which carries a JavaScript engine.
set -eu
cd "$(dirname "$0")"

if ! command -v npm >/dev/null; then
    cat >&2 <<'HELP'
Node 20 or later is not here:
  Debian, Ubuntu:  apt-get install nodejs npm
  macOS:           brew install node
HELP
    exit 1
fi
[ -e node_modules ] || npm install
npm run --silent build
