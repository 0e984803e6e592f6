#!/usr/bin/env bash
# Makes the secrets that docker-compose.yml mounts, each in a file of its own, unless they are there. Usage: scripts/secrets.sh [folder]
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-secrets}
mkdir -p "$folder"
# Nobody else may enter; inside the containers, which do not run as the owner, the files themselves have to be readable.
chmod 700 "$folder"
keep() { # name, text
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" > "$folder/$1"
        chmod 644 "$folder/$1"
        echo "made $folder/$1"
    fi
}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
keep redis_password "$(random)"
keep postgres_password "$(random)"
keep service_credential "$(random)"
keep token_key "$(random)"
keep grafana_password "$(random)"
keep redis_url "redis://:$(cat "$folder/redis_password")@redis:6379/"
keep database_url "postgres://onsale:$(cat "$folder/postgres_password")@postgres:5432/onsale"
