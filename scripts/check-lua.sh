#!/usr/bin/env bash
# Each script is checked as Redis gets it: behind the prelude. What a script leaves unused of the prelude is no mistake.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for script in lua/*.lua; do
    [ "$script" = lua/prelude.lua ] && continue
    cat lua/prelude.lua "$script" > "$folder/$(basename "$script")"
done
luacheck --config .luacheckrc --no-unused --quiet "$folder"/*.lua
