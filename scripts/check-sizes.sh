#!/usr/bin/env bash
# An image is its base and one program, stripped (deploy/Dockerfile): how large that is, and whether it is less than 60 MB.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for service in gatekeeper vault; do
    strip -o "$folder/$service" "target/release/$service"
    bytes=$(stat -c %s "$folder/$service")
    echo "$service: $((bytes / 1000000)) MB beyond its base"
    if [ "$bytes" -ge 60000000 ]; then
        echo "$service is larger than 60 MB" >&2
        exit 1
    fi
done
