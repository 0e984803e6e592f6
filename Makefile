# The two commands a newcomer needs are `make up` and `make test`; the others are listed by `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help up test lint check-lua check-sql check-nginx check-prometheus check-deploy check-sizes test-long unit check-api fuzz page dev types check-page test-page pictures stress stampede bench bench-quick deny clean

# Test builds can be made to fail on purpose; releases cannot.
FAULTS := gatekeeper/faults,vault/faults
TOOLS := target/tools
ARGS ?=
# Tools that setup brought come first: the system's Node may be too old.
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

up: ## build everything and start it on this machine, until Ctrl-C (ARGS="--replicas 5" and so on)
	@scripts/setup.sh run
	@scripts/page.sh
	cargo build --release --bins
	target/release/onsale up $(ARGS)

test: ## everything that proves it: lints, documentation, unit, property, system and browser tests
	@scripts/setup.sh test
	$(MAKE) --no-print-directory lint check-lua check-sql check-nginx check-prometheus check-deploy check-page unit check-api test-page

test-long: ## what takes longer: a thousand cases a call, a million for what reads, images' sizes, 10,000 requests a second, every ratio (half an hour)
	$(MAKE) --no-print-directory fuzz stampede bench-quick check-sizes

check-sizes: ## that each service stays under 60 MB beyond its image's base
	cargo build --release --bins
	scripts/check-sizes.sh

lint: ## formatting, clippy and documentation, warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features $(FAULTS) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

check-lua: ## luacheck over the scripts as Redis gets them
	scripts/check-lua.sh

check-sql: ## squawk over the migrations
	$(TOOLS)/bin/squawk --config .squawk.toml crates/vault/migrations/*.sql

check-nginx: ## nginx -t over nginx.conf, filled in
	scripts/check-nginx.sh

check-prometheus: ## promtool over Prometheus' configuration, rules and alerts, each of which is made to fire
	promtool check config --lint=all --lint-fatal deploy/prometheus/prometheus.yml
	promtool check rules --lint=all --lint-fatal deploy/prometheus/rules/*.yml
	promtool test rules deploy/prometheus/tests/*.yml

check-deploy: ## hadolint, Compose' and Kubernetes' schemas, and what we promise of the manifests: no engine, no cluster
	scripts/check-deploy.sh

unit: ## all Rust tests, the whole system among them
	cargo build --workspace --bins --features $(FAULTS)
	RUST_BACKTRACE=0 RUST_TEST_THREADS=1 cargo test --workspace --features $(FAULTS)

check-api: ## schemathesis on the running system, the same few cases each time
	cargo build --workspace --bins --features $(FAULTS)
	scripts/fuzz.sh 20 --seed 1

fuzz: ## the same with a thousand new cases for each operation, and a million for whatever reads what others wrote (ten minutes)
	@scripts/setup.sh test
	PROPTEST_CASES=1000000 cargo test -p gatekeeper --lib fuzz::
	cargo build --workspace --bins --features $(FAULTS)
	scripts/fuzz.sh 1000

page: web/node_modules ## build the page into web/dist
	cd web && npm run --silent build

# The versions of the lock file, which is left as it is. Not `npm ci`: that insists on the native parts for every platform.
web/node_modules: web/package-lock.json
	cd web && npm install --no-save --silent --no-audit --no-fund
	@touch $@

dev: web/node_modules ## serve the page as it is being written, on a running system: make dev ONSALE_URL=http://…
	cd web && ONSALE_URL=$(ONSALE_URL) npm run --silent dev

types: web/node_modules ## renew the API's description and the page's types after a change of the API
	cargo run --quiet -p gatekeeper --example openapi > web/openapi.json
	cd web && npm run --silent types

check-page: web/node_modules ## the page's lints and types; that they are those of the API as it is
	cd web && npm run --silent check

test-page: page ## the page's logic, then the page in a real browser on the real system
	cd web && npm run --silent test
	cargo build --workspace --bins --features $(FAULTS)
	cd web && npm run --silent e2e

pictures: page ## take the pictures of docs/pictures anew
	cargo build --workspace --bins --features $(FAULTS)
	cd web && npm run --silent pictures

stress: ## the k6 scenarios through nginx on three replicas, each beside the audit (ARGS="flash-sale soak" for some)
	@scripts/setup.sh stress
	cargo build --release --bins
	scripts/stress.sh $(ARGS)

stampede: ## 10,000 requests a second for a minute, 99 % in vain, judged by the witness (ARGS="--scenario mixed" and so on)
	@scripts/setup.sh run
	cargo build --release --bins
	target/release/onsale stampede --scenario hot-tier --rate 10000 --seconds 60 --spike $(ARGS)

bench: ## measure this machine's limits and how near to them Onsale comes; writes docs/BENCHMARKS.md (ten minutes)
	@scripts/setup.sh bench
	cargo build --release --bins
	target/release/onsale bench --json target/bench.json --report docs/BENCHMARKS.md $(ARGS)

bench-quick: ## every ratio in under a minute, on the terminal alone
	@scripts/setup.sh bench
	cargo build --release --bins
	timeout 60 target/release/onsale bench --quick

deny: ## licences, bans and sources of all dependencies (installs cargo-deny)
	command -v cargo-deny > /dev/null || cargo install --locked cargo-deny
	cargo deny check licenses bans sources

clean: ## remove everything that was built
	cargo clean
	rm -rf web/dist web/node_modules
