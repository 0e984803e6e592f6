#!/usr/bin/env bash
# Each script is checked as Redis gets it, with the prelude and the ledger, where what it leaves unused of those is no
# mistake; then by itself, where what it leaves unused of its own is. What no script uses of the two is one too.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mapfile -t scripts < <(ls lua/*.lua | grep -vE 'lua/(prelude|ledger)\.lua')
for script in "${scripts[@]}"; do
    if grep -qx -- '--@ ledger' "$script"; then
        { cat lua/prelude.lua; sed -e '/^--@ ledger$/{r lua/ledger.lua' -e 'd}' "$script"; } > "$folder/$(basename "$script")"
    else
        cat lua/prelude.lua lua/ledger.lua "$script" > "$folder/$(basename "$script")"
    fi
done
# A script that answers before the ledger has locals the ledger's parameters are called after: no mistake either.
luacheck --config .luacheckrc --no-unused --ignore 431 --quiet "$folder"/*.lua

mapfile -t names < <(cat lua/prelude.lua lua/ledger.lua | sed -nE 's/^local function ([a-z_]+).*/\1/p; s/^local ([A-Za-z_, ]+) =.*/\1/p' | tr -s ', ' '\n')
luacheck --config .luacheckrc --globals "${names[@]}" --quiet "${scripts[@]}"
for name in "${names[@]}"; do
    if [ "$(cat lua/*.lua | grep -cw -- "$name")" -lt 2 ]; then
        echo "lua/prelude.lua or lua/ledger.lua: $name is used nowhere" >&2
        exit 1
    fi
done
