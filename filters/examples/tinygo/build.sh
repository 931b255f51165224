#!/bin/sh
# Builds example-filter.wasm, with TinyGo. This was written without one to test it with.
set -eu
cd "$(dirname "$0")"

if ! command -v tinygo >/dev/null; then
    cat >&2 <<'HELP'
TinyGo 0.35 or later is not here. One of these will do:
  macOS:        brew install tinygo-org/tools/tinygo
  all systems:  https://tinygo.org/getting-started/install
HELP
    exit 1
fi
mattebox=${MATTEBOX:-mattebox}
if ! command -v "$mattebox" >/dev/null; then
    echo "mattebox is not on the PATH; set MATTEBOX to where it is" >&2
    exit 1
fi
tinygo build -target=wasip1 -buildmode=c-shared -opt=2 -no-debug -o core.wasm .
"$mattebox" embed WORLD core.wasm -o example-filter.wasm
