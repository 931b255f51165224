#!/bin/sh
# Builds example-filter.wasm.
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
mattebox=${MATTEBOX:-mattebox}
if ! command -v "$mattebox" >/dev/null; then
    echo "mattebox is not on the PATH; set MATTEBOX to where it is" >&2
    exit 1
fi
[ -e node_modules ] || npm install
npm run --silent build
"$mattebox" embed WORLD core.wasm -o example-filter.wasm
