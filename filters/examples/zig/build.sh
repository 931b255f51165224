#!/bin/sh
# Builds example-filter.wasm.
set -eu
cd "$(dirname "$0")"

for zig in "${ZIG:-zig}" zig "python3 -m ziglang"; do
    if $zig version >/dev/null 2>&1; then
        break
    fi
    zig=
done
if [ -z "$zig" ]; then
    cat >&2 <<'HELP'
Zig is not here. One of these will do:
  with Python:  pip install ziglang
  macOS:        brew install zig
  else:         https://ziglang.org/download
HELP
    exit 1
fi
target="-target wasm32-wasi -lc -I bindings"
# shellcheck disable=SC2086
$zig translate-c $target bindings/WORLD_C.h >bindings.zig
# shellcheck disable=SC2086
$zig build-exe $target -mexec-model=reactor -O ReleaseSmall -femit-bin=example-filter.wasm \
    filter.zig bindings/WORLD_C.c bindings/WORLD_C_component_type.o
echo "example-filter.wasm: $(wc -c <example-filter.wasm) bytes"
