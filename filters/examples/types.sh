#!/usr/bin/env bash
# Makes what editors complete filters by from the contract, in javascript/types and python/typings,
# or below the folder given. Needs node, and what `.ci/run tools` puts into target/peers.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mkdir -p "${1:-$root/filters/examples}" && cd "${1:-$root/filters/examples}" && pwd)
peers=$root/target/peers
work=$(mktemp -d)
# shellcheck disable=SC2064
trap "rm -r '$work'" EXIT

cp "$root/filter-sdk/wit/0.2.0/filter.wit" "$work"
# All that any kind of filter gets and gives.
cat >>"$work/filter.wit" <<'WIT'
world any-filter {
    import host;
    import context;
    import view;
    import publish;
    export lifecycle;
    export overlay;
    export transform;
    export inspect;
}
WIT

"$peers/venv/bin/componentize-py" -d "$work" -w any-filter bindings "$work/python" >/dev/null
rm -rf "$out/python/typings"
mkdir -p "$out/python/typings" "$out/javascript/types"
cp -r "$work/python/wit_world" "$work/python/componentize_py_types.py" "$out/python/typings"

cat >"$work/types.mjs" <<'NODE'
import { readFile, writeFile } from "node:fs/promises";
import { $init, generateTypes } from "@bytecodealliance/jco-transpile/component";

await $init;
const [wit, out] = process.env.FILES.split("\n");
const source = { tag: "source", val: await readFile(wit, "utf8") };
const features = { tag: "list", val: [] };
const files = generateTypes("any", { wit: source, world: "any-filter", features, guest: true });
const texts = files
  .filter(([name]) => name.startsWith("interfaces/"))
  .map(([, bytes]) => new TextDecoder().decode(bytes))
  // As QuickJS has them.
  .map((text) => text.replace(/^\/\/\/.*\n/gm, "").replaceAll("bigint", "number"))
  .map((text) => text.replaceAll("| undefined", "| null"));
const head = "// Made from filter.wit by filters/examples/types.sh.\n\n";
await writeFile(out, head + texts.join("").trimEnd() + "\n");
NODE
cd "$peers"
FILES="$work/filter.wit
$out/javascript/types/index.d.ts" node --input-type=module --eval "$(cat "$work/types.mjs")"
