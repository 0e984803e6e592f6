#!/usr/bin/env bash
# Runs the k6 scenarios through nginx on a stack of its own, each beside the audit. Usage: scripts/stress.sh [scenario…]
# What a scenario takes from the environment (VUS, DURATION, …) stands at its top.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH"
onsale=${ONSALE:-target/release/onsale}
scenarios=("$@")
[ ${#scenarios[@]} -gt 0 ] || scenarios=(flash-sale one-seat seat-rush browse websocket soak)
for scenario in "${scenarios[@]}"; do
    if [ ! -f "k6/$scenario.js" ]; then
        echo "there is no k6/$scenario.js; there are: $(cd k6 && echo ./*.js | sed 's|\./||g; s|\.js||g')" >&2
        exit 2
    fi
done

command -v k6 > /dev/null || { echo "k6 is missing: make stress installs it" >&2; exit 1; }

folder=$(mktemp -d)
ready=$folder/ready.json
"$onsale" up --no-demo --replicas 3 --ready-file "$ready" > "$folder/up.log" 2>&1 &
stack=$!
stop() {
    kill "$stack" 2> /dev/null || true
    wait "$stack" 2> /dev/null || true
    rm -rf "$folder"
}
trap stop EXIT
for _ in $(seq 300); do
    [ -f "$ready" ] && break
    if ! kill -0 "$stack" 2> /dev/null; then
        cat "$folder/up.log" >&2
        exit 1
    fi
    sleep 0.2
done
[ -f "$ready" ] || { echo "the stack did not become ready" >&2; exit 1; }
of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$ready" "$1"; }
url=$(of url)
ONSALE_ADMIN_TOKEN=$(of admin_token)
export ONSALE_ADMIN_TOKEN

failed=()
for scenario in "${scenarios[@]}"; do
    echo "=== $scenario"
    more=()
    # Beside the others the long run is a short one.
    [ "$scenario" != soak ] || [ ${#scenarios[@]} -eq 1 ] || more=(-e DURATION="${DURATION:-1m}")
    # `VUS=100 make stress` reaches the scenario as it is.
    k6 run --quiet --no-usage-report --include-system-env-vars -e ONSALE_URL="$url" "${more[@]}" "k6/$scenario.js" || failed+=("$scenario")
    echo "--- audit"
    "$onsale" audit --ready-file "$ready" || failed+=("the audit after $scenario")
done
if [ ${#failed[@]} -gt 0 ]; then
    tail -n 50 "$folder/up.log" >&2
    echo "failed: ${failed[*]}" >&2
    exit 3
fi
echo "all scenarios passed, and every ticket is accounted for"
