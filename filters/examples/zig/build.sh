#!/bin/sh
# Builds example-filter.wasm.
set -eu
cd "$(dirname "$0")"

PATH="$PWD/.venv/bin:$PATH"
if command -v zig >/dev/null; then
    zig=zig
elif python3 -m ziglang version >/dev/null 2>&1; then
    zig="python3 -m ziglang"
else
    cat >&2 <<'HELP'
Zig 0.15 or later is not here. One of these will do:
  with Python:  python3 -m venv .venv && .venv/bin/pip install ziglang
  macOS:        brew install zig
  all systems:  https://ziglang.org/download
HELP
    exit 1
fi
mattebox=${MATTEBOX:-mattebox}
if ! command -v "$mattebox" >/dev/null; then
    echo "mattebox is not on the PATH; set MATTEBOX to where it is" >&2
    exit 1
fi
# ReleaseSafe checks indexes and numbers, and its panics have a text. `embed` keeps the names of
# functions, by which traps are told, and leaves out what else debuggers read.
$zig build-exe filter.zig -target wasm32-freestanding -O ReleaseSafe -fno-entry -rdynamic \
    --stack 65536 -femit-bin=core.wasm
"$mattebox" embed WORLD core.wasm -o example-filter.wasm
