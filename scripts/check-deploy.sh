#!/usr/bin/env bash
# Checks what is deployed without deploying it: images, Compose, and Kubernetes' manifests, rendered, against Kubernetes' own
# schemas and against what we promise of them. No Docker engine and no cluster is needed, and none has seen them here.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

hadolint deploy/Dockerfile
check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
yamllint --strict --config-file deploy/yamllint.yml docker-compose.yml deploy
for overlay in local production; do
    rendered=$folder/$overlay.yaml
    kubectl kustomize "deploy/k8s/overlays/$overlay" > "$rendered"
    # What Kubernetes itself knows; the operator's kinds, by the operator's definitions.
    kubernetes-validate --strict --no-warn --quiet --kubernetes-version 1.34 "$rendered"
    python3 -c 'import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)' "$rendered" \
        > "$folder/$overlay.json"
    NODE_PATH= node scripts/check-monitors.mjs "$tools/k8s-models" "$folder/$overlay.json"
done
python3 scripts/check-manifests.py docker-compose.yml "$folder/local.json" "$folder/production.json"
