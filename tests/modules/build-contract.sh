#!/usr/bin/env bash
# Builds the modules for a version of the contract, with the SDK as it is: `build-contract.sh 0.2.0
# FOLDER` writes them into the folder that is named, and not into this one.
#
# Those that stand beside this were built once, with the SDK of the version's time, and must never
# be built anew: they prove that the server still loads what was built then. This stays as the
# record of where they came from.
set -euo pipefail

version=${1:?names the version of the contract}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(cd "${2:?names the folder for the modules}" && pwd)
[ "$out" != "$here" ] || { echo "The modules here must never be built anew." >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/Cargo.lock" "$work"
kinds=()
for source in "$here/contract-$version"/*.rs; do
    kinds+=("$(basename "$source" .rs)")
done
for kind in "${kinds[@]}"; do
    mkdir -p "$work/$kind/src"
    cp "$here/contract-$version/$kind.rs" "$work/$kind/src/lib.rs"
    cat >"$work/$kind/Cargo.toml" <<TOML
[package]
name = "contract-${version//./-}-$kind"
description = "Built for the contract $version"
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
members=$(printf '"%s", ' "${kinds[@]}")
cat >"$work/Cargo.toml" <<TOML
[workspace]
members = [${members%, }]
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
export RUSTFLAGS="--remap-path-prefix=$work=modules --remap-path-prefix=$root=mattebox"
RUSTFLAGS+=" --remap-path-prefix=$sysroot=rust"
RUSTFLAGS+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
cargo build --release --target "$target" ${BUILD_STD:-}
for kind in "${kinds[@]}"; do
    cp "$CARGO_TARGET_DIR/$target/release/contract_${version//./_}_$kind.wasm" \
        "$out/contract-$version-$kind.wasm"
done
