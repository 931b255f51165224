#!/usr/bin/env bash
# Built the modules for the contract 0.1.0 that stand beside this, once, with the SDK of that time.
#
# They must never be built anew: they prove that the server still loads what was built then. This
# stays as the record of where they came from; it writes into the folder that is named, and not into
# this one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(cd "${1:?names the folder for the modules}" && pwd)
[ "$out" != "$here" ] || { echo "The modules here must never be built anew." >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/Cargo.lock" "$work"
for kind in overlay transform; do
    mkdir -p "$work/$kind/src"
    cp "$here/contract-0.1.0/$kind.rs" "$work/$kind/src/lib.rs"
    cat >"$work/$kind/Cargo.toml" <<TOML
[package]
name = "contract-0-1-0-$kind"
description = "Built for the contract 0.1.0"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
mattebox-filter = { path = "$root/filter-sdk" }
schemars = "1"
serde = { version = "1", features = ["derive"] }
TOML
done
cat >"$work/Cargo.toml" <<'TOML'
[workspace]
members = ["overlay", "transform"]
resolver = "3"

[profile.release]
opt-level = "z"
codegen-units = 1
lto = "fat"
panic = "abort"
strip = true
TOML

cd "$work"
target=wasm32-unknown-unknown
sysroot=$(rustc --print sysroot)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target}
export RUSTFLAGS="--remap-path-prefix=$work=modules --remap-path-prefix=$root=mattebox --remap-path-prefix=$sysroot=rust"
RUSTFLAGS+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
cargo build --release --target "$target" ${BUILD_STD:-}
for kind in overlay transform; do
    cp "$CARGO_TARGET_DIR/$target/release/contract_0_1_0_$kind.wasm" "$out/contract-0.1.0-$kind.wasm"
done
