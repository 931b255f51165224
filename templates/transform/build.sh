#!/bin/sh
# Builds {{project-name}}.wasm.
set -eu
cd "$(dirname "$0")"

target=wasm32-unknown-unknown
build="build --release --target $target"
if [ -e "$(rustc --print target-libdir --target $target 2>/dev/null)" ]; then
    # shellcheck disable=SC2086
    cargo $build
elif [ -e "$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; then
    # Debian's rustc has the standard library for this target as source only.
    linker=$(ls /usr/bin/wasm-ld* | sort -V | tail -n 1)
    # shellcheck disable=SC2086
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        /usr/bin/cargo $build -Zbuild-std=std,panic_abort
else
    cat >&2 <<'HELP'
There is no Rust toolchain for WebAssembly here. One of these will do:
  rustup target add wasm32-unknown-unknown
  apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld
HELP
    exit 1
fi
cp "${CARGO_TARGET_DIR:-target}/$target/release/{{crate_name}}.wasm" {{project-name}}.wasm
echo "{{project-name}}.wasm: $(wc -c <{{project-name}}.wasm) bytes"
