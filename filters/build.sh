#!/usr/bin/env bash
# Builds the built-in filters from source into filters/prebuilt, or into the folder given.
#
# Takes rustup's target wasm32-unknown-unknown where it is installed, else Debian's rustc with the
# standard library's source.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
out=$(mkdir -p "${1:-$root/filters/prebuilt}" && cd "${1:-$root/filters/prebuilt}" && pwd)
filters=(boxes motion resize text timestamp watermark)
target=wasm32-unknown-unknown

cd "$root"
export CARGO_TARGET_DIR="$root/target/filters"
# No path of the machine that builds belongs in a module that everybody gets.
flags=(-C target-feature=+simd128 --remap-path-prefix="$root=mattebox"
    --remap-path-prefix="${CARGO_HOME:-$HOME/.cargo}=cargo")
# Unlike RUSTFLAGS, this allows for spaces in paths.
encode() { local IFS=$'\x1f'; echo "$*"; }
command=(cargo build --profile filter --locked --target "$target")
packages=()
for filter in "${filters[@]}"; do
    packages+=(-p "$filter")
done

if [ -e "$(rustc --print target-libdir --target "$target" 2>/dev/null)" ]; then
    flags+=(--remap-path-prefix="$(rustc --print sysroot)=rust")
    CARGO_ENCODED_RUSTFLAGS=$(encode "${flags[@]}") "${command[@]}" "${packages[@]}"
else
    debian=/usr/bin/rustc
    linker=$(compgen -c wasm-ld- | sort -V | tail -n 1 || true)
    library=$($debian --print sysroot 2>/dev/null || true)/lib/rustlib/src/rust/library
    if [ ! -e "$library" ] || [ -z "$linker" ]; then
        cat >&2 <<'HELP'
There is no Rust toolchain here that builds for wasm32-unknown-unknown. Install one of these:
  rustup target add wasm32-unknown-unknown
  apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22
HELP
        exit 1
    fi
    sysroot=$($debian --print sysroot)
    command[0]=/usr/bin/cargo
    RUSTC_BOOTSTRAP=1 RUSTC=$debian \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        CARGO_ENCODED_RUSTFLAGS=$(encode "${flags[@]}" --remap-path-prefix="$sysroot=rust") \
        "${command[@]}" "${packages[@]}" -Zbuild-std=std,panic_abort
fi

for filter in "${filters[@]}"; do
    cp "$CARGO_TARGET_DIR/$target/filter/$filter.wasm" "$out/$filter.wasm"
    echo "$out/$filter.wasm: $(wc -c <"$out/$filter.wasm") bytes"
done
