#!/bin/sh
# Builds example-filter.wasm.
set -eu
cd "$(dirname "$0")"

# A C++ compiler that has the target, its libraries and its linker.
works() {
    echo '#include <string>
int main() { return static_cast<int>(std::string().size()); }' |
        "$@" --target=wasm32-wasi -w -O1 -fno-exceptions -x c++ - -o /dev/null 2>/dev/null
}

compiler() {
    for clang in ${CXX:-} clang++ clang++-23 clang++-22 clang++-21 clang++-20 clang++-19; do
        if works "$clang"; then
            echo "$clang" && return
        fi
    done
    cat >&2 <<'HELP'
There is no C++ compiler for WebAssembly here. One of these will do (for another, set CXX):
  Debian, Ubuntu:  apt-get install clang lld wasi-libc libclang-rt-dev-wasm32 libc++-dev-wasm32
  all systems:     https://github.com/WebAssembly/wasi-sdk/releases, and CXX=…/bin/clang++
HELP
    exit 1
}

cxx=$(compiler)
# clang calls the target's name deprecated; wasi-libc lies under it.
# The names of functions stay: they are told with a trap.
"$cxx" --target=wasm32-wasi -mexec-model=reactor -fno-exceptions -fno-rtti -O2 -Wl,--strip-debug \
    -Wall -Wextra -Wno-deprecated -I bindings -o example-filter.wasm filter.cpp \
    -x c bindings/WORLD_C.c -x none bindings/WORLD_C_component_type.o
echo "example-filter.wasm: $(wc -c <example-filter.wasm) bytes"
