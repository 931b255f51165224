#!/usr/bin/env bash
# Has schemathesis make up requests from the API's own description and send them to the real server:
# every answer must be one that the description knows, and none a failure of the server. Needs
# Python; installs schemathesis beside the build.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=$PWD/target/release/mattebox
tools=$PWD/target/schemathesis
here=$PWD/tests/openapi
[ -x "$tools/bin/schemathesis" ] || {
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet schemathesis==4.32.5
}

folder=$(mktemp -d)
cat >"$folder/pipeline.yaml" <<'YAML'
admin-token: { env: TOKEN }
filter-folder: filters
streams:
  demo:
    filters:
      - use: timestamp
YAML
export TOKEN=made-up MATTEBOX_STATE=$folder/state
cd "$folder"
# On a slow machine, compiling all of them takes longer than a request may.
"$binary" filters >/dev/null
"$binary" serve --listen 127.0.0.1:0 >out 2>log &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
    url=$(sed -n 's,^Mattebox listens on \(.*\)/$,\1,p' out)
    [ -z "$url" ] || break
    sleep 0.1
done

export SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
checks=not_a_server_error,status_code_conformance,content_type_conformance
checks+=,response_schema_conformance,ignored_auth
attack() {
    # One worker: two parse Python at the same time, which CPython 3.11 sometimes fails at ("AST
    # constructor recursion depth mismatch").
    # Events and the wall never end, so that they are left out; tests/api.rs and tests/wall.rs read
    # them. `--url`, since schemathesis does not resolve the relative address of the server that the
    # description has.
    "$tools/bin/schemathesis" "$@" --url "$url/api/v1" --checks "$checks" \
        --header "Authorization: Bearer $TOKEN" --exclude-path /events --exclude-path /wall/stream \
        --seed 1 --request-timeout 20 --workers 1 --warnings off || {
        echo "The server's log:"
        tail -50 log
        exit 1
    }
}
# The stream and the step that are there, while they are; then whatever comes to its mind.
attack --config-file "$here/known.toml" run "$url/api/v1/openapi.json" --max-examples 70 \
    --exclude-method DELETE --exclude-operation-id put_stream
attack run "$url/api/v1/openapi.json" --max-examples 40
kill -0 $server
! grep -i panick log
