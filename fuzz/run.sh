#!/usr/bin/env bash
# Fuzzes everything that reads what strangers send, each target for some seconds, as many at once as
# there are processors. What makes a target fail lies in artifacts/TARGET then:
# `target/…/TARGET FILE` tries it again. What was found to be new is kept in corpus/TARGET for the
# next run. Stable Rust and a C++ compiler are enough: the flags are those of
# `cargo fuzz run --sanitizer none`. Usage: run.sh SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?"usage: run.sh SECONDS [TARGET...]"}
shift
targets=("$@")
[ $# -gt 0 ] || targets=(config decode edit jpeg multipart splice)

machine=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# With --target, build scripts and macros go without these.
RUSTFLAGS="$coverage --cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks" \
    cargo build --release --locked --target "$machine"

# Seeds: pipelines, and JPEGs with what each target takes before them.
seeds=$(mktemp -d)
trap 'rm -r "$seeds"' EXIT
mkdir "$seeds"/{config,decode,edit,jpeg,multipart,splice}
cp ../pipeline.yaml ../tests/v4l2/pipeline.yaml "$seeds/config" 2>/dev/null ||
    cp ../pipeline.yaml "$seeds/config"
awk '/^```yaml/ { inside = 1; number++; next }
    /^```/ { inside = 0 }
    inside { print > sprintf("%s/readme-%d", folder, number) }' \
    folder="$seeds/config" ../README.md ../docs/guide/*.md
cp "$seeds"/config/* "$seeds/edit"
cp ../tests/jpegs/*.jpg "$seeds/jpeg"
cp ../tests/jpegs/*.jpg "$seeds/decode"
for jpeg in ../tests/jpegs/*.jpg; do
    { printf '\x20\x20\x20\x80' && cat "$jpeg"; } >"$seeds/splice/${jpeg##*/}"
    {
        printf '\x01\x40\xff\x80'
        printf -- '--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n' \
            "$(stat -c %s "$jpeg")"
        cat "$jpeg" "$jpeg"
    } >"$seeds/multipart/${jpeg##*/}"
done

fuzz() {
    mkdir -p "artifacts/$1" "corpus/$1"
    # A target that hangs is ended by libFuzzer (-timeout), and one that ignores that from outside.
    timeout $(($2 + 120)) "target/$3/release/$1" \
        -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="artifacts/$1/" "corpus/$1" "$4/$1" >"artifacts/$1/log" 2>&1 ||
        { tail -n 60 "artifacts/$1/log" && echo "fuzzing: $1 failed" && return 1; }
    echo "fuzzing: $1, $(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$1/log") runs"
}
export -f fuzz
printf '%s\n' "${targets[@]}" |
    xargs -P "$(nproc)" -I TARGET bash -c "fuzz TARGET $seconds $machine $seeds"
