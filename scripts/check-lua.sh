#!/usr/bin/env bash
# Each script is checked as Redis gets it, behind the prelude, where what it leaves unused of the prelude is no mistake;
# then by itself, where what it leaves unused of its own is. What no script uses of the prelude is one too.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for script in lua/*.lua; do
    [ "$script" = lua/prelude.lua ] && continue
    cat lua/prelude.lua "$script" > "$folder/$(basename "$script")"
done
luacheck --config .luacheckrc --no-unused --quiet "$folder"/*.lua

mapfile -t names < <(sed -nE 's/^local function ([a-z_]+).*/\1/p; s/^local ([A-Za-z_, ]+) =.*/\1/p' lua/prelude.lua | tr -s ', ' '\n')
luacheck --config .luacheckrc --globals "${names[@]}" --quiet $(ls lua/*.lua | grep -v prelude.lua)
for name in "${names[@]}"; do
    if [ "$(cat lua/*.lua | grep -cw -- "$name")" -lt 2 ]; then
        echo "lua/prelude.lua: $name is used nowhere" >&2
        exit 1
    fi
done
