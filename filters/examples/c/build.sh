#!/bin/sh
# Builds example-filter.wasm.
set -eu
cd "$(dirname "$0")"

# A C compiler that has the target, its C library and its linker.
works() {
    echo '#include <string.h>
int main(void) { return (int)strlen(""); }' |
        "$@" --target=wasm32-wasi -w -O1 -x c - -o /dev/null 2>/dev/null
}

compiler() {
    for clang in ${CC:-} clang clang-23 clang-22 clang-21 clang-20 clang-19 clang-18 clang-17; do
        if works "$clang"; then
            echo "$clang" && return
        fi
    done
    cat >&2 <<'HELP'
There is no C compiler for WebAssembly here. One of these will do (for another, set CC):
  Debian, Ubuntu:  apt-get install clang lld wasi-libc libclang-rt-dev-wasm32
  macOS:           brew install llvm lld wasi-libc wasi-runtimes
HELP
    exit 1
}

cc=$(compiler)
# clang calls the target's name deprecated; wasi-libc lies under it.
# The names of functions stay: they are told with a trap.
"$cc" --target=wasm32-wasi -mexec-model=reactor -O2 -Wl,--strip-debug -Wall -Wextra \
    -Wno-deprecated -I bindings -o example-filter.wasm filter.c \
    bindings/WORLD_C.c bindings/WORLD_C_component_type.o
echo "example-filter.wasm: $(wc -c <example-filter.wasm) bytes"
