#!/usr/bin/env bash
# Has schemathesis ask everything the API's description allows, and much that it does not, on a system of its own, as an
# administrator and then as a customer: no 5xx, no status that is not described, every answer as its schema says, every error a
# problem. Usage: scripts/fuzz.sh [cases] [st's flags]
set -euo pipefail
cd "$(dirname "$0")/.."
cases=${1:-1000}
shift || true
folder=$(mktemp -d)
chmod o+x "$folder"
trap '[ -z "${up:-}" ] || { kill "$up" 2> /dev/null; wait "$up" 2> /dev/null || true; }; rm -rf "$folder"' EXIT
target/debug/onsale up --no-demo --data "$folder/data" --ready-file "$folder/ready.json" > "$folder/up.log" 2>&1 &
up=$!
for _ in $(seq 600); do
    [ ! -e "$folder/ready.json" ] || break
    kill -0 "$up" 2> /dev/null || { cat "$folder/up.log" >&2; exit 1; }
    sleep 0.1
done
ready() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/ready.json" "$1"; }
url=$(ready url)
token=$(ready admin_token)
config=fuzz/schemathesis.toml
ask() { # log, then st's flags
    local log=$1
    shift
    if ! target/tools/bin/st --config-file "$config" run "$url/api/openapi.json" --url "$url/api/v1" \
        --header "Authorization: Bearer $token" --checks all --no-color "$@" > "$log" 2>&1; then
        cat "$log"
        exit 1
    fi
}
# How often each call was made, as the gatekeepers counted it, and what it is called; those that were made least come first.
count() {
    python3 - "$folder/ready.json" << 'END'
import collections, json, re, sys, urllib.request
ready = json.load(open(sys.argv[1]))
paths = json.load(urllib.request.urlopen(ready["url"] + "/api/openapi.json"))["paths"]
calls = {(method.upper(), "/api/v1" + path): call for path, of_path in paths.items() for method, call in of_path.items()}
made = collections.Counter({call: 0 for call in calls})
for replica in ready["replicas"]:
    text = urllib.request.urlopen(replica + "/metrics").read().decode()
    for labels, count in re.findall(r"^http_request_duration_seconds_count{(.*)} (\d+)$", text, re.M):
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        call = (named["method"], named["route"])
        if call in made:
            made[call] += int(count)
for call, times in sorted(made.items(), key=lambda item: item[1]):
    print(times, *call, calls[call]["operationId"])
END
}
ask "$folder/st.log" --max-examples "$cases" "$@"
# Unless some were asked for.
[[ " $* " == *" --phases"* ]] || for phase in Examples Coverage Fuzzing Stateful; do
    sed -n '/^Test Phases:/,/^$/p' "$folder/st.log" | grep -q "✅ $phase\$" || { cat "$folder/st.log"; echo "$phase was not asked" >&2; exit 1; }
done
# Some calls get fewer than were asked for: those again, with other seeds. Whatever has fewer in the end is too few.
if [ "$cases" -ge 1000 ]; then
    for seed in 2 3 4 5 6 7 8; do
        few=$(count | awk -v cases="$cases" '$1 < cases { print "--include-operation-id", $4 }')
        [ -n "$few" ] || break
        # shellcheck disable=SC2086
        ask "$folder/again.log" --max-examples "$cases" --seed "$seed" --phases coverage,fuzzing $few
    done
fi
count > "$folder/counts"
sed -n 1,12p "$folder/counts"
if [ "$cases" -ge 1000 ] && [ "$(awk 'NR == 1 { print $1 }' "$folder/counts")" -lt "$cases" ]; then
    echo "some calls were made fewer than $cases times" >&2
    exit 1
fi
# Once more as a customer: what is refused to one, however well it was said, is described as well.
token=$(curl -fsS -X POST "$url/api/v1/sessions" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
says() { curl -s -o "$folder/answer" -w '%{http_code}' -H "Authorization: Bearer $token" "$url/api/v1/$1"; }
if [ "$(says bookings) $(says audit-log)" != "200 403" ]; then
    echo "that is no customer's token" >&2
    exit 1
fi
config=$folder/customer.toml
sed 's/expected-statuses = \["2xx", 400/&, 403/' fuzz/schemathesis.toml > "$config"
ask "$folder/customer.log" --max-examples $(((cases + 4) / 5)) --phases coverage,fuzzing "$@"
# What was asked has not thrown anything off: no panic anywhere, and everything adds up.
if grep -l 'panicked at' "$folder"/data/logs/*.log; then
    exit 1
fi
target/debug/onsale audit --ready-file "$folder/ready.json" > "$folder/audit.log" || { cat "$folder/audit.log"; exit 1; }
sed -n '/^API Operations:/,/^Test Phases:/p; /^Test cases:/,/^$/p' "$folder/st.log" | sed '/^Test Phases:/d; /^$/d'
