#!/bin/sh
# Builds example-filter.wasm, which carries a whole Python.
set -eu
cd "$(dirname "$0")"

PATH="$PWD/.venv/bin:$PATH"
if ! command -v componentize-py >/dev/null; then
    cat >&2 <<'HELP'
The compiler is not here. Install it, with Python 3.10 or later:
  python3 -m venv .venv && .venv/bin/pip install componentize-py
HELP
    exit 1
fi
# componentize-py would tell of a slip among forty lines of its own.
python3 -c 'compile(open("filter.py", encoding="utf-8").read(), "filter.py", "exec")'
RUST_BACKTRACE=0 componentize-py -d filter.wit -w WORLD componentize filter -o example-filter.wasm
