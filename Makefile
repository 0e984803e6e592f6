# The two commands a newcomer needs are `make up` and `make test`; the others are listed by `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup up test lint check-lua check-sql check-nginx unit bench deny clean

# Test builds can be made to fail on purpose; releases cannot.
FAULTS := gatekeeper/faults,vault/faults
TOOLS := target/tools
ARGS ?=

help: ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

up: ## build everything and start it on this machine, until Ctrl-C (ARGS="--replicas 5" and so on)
	@scripts/setup.sh run
	cargo build --release --bins
	target/release/onsale up $(ARGS)

test: ## everything that proves it: lints, documentation, unit, property and system tests
	@scripts/setup.sh test
	$(MAKE) --no-print-directory lint check-lua check-sql check-nginx unit

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

unit: ## all Rust tests, the whole system among them
	cargo build --workspace --bins --features $(FAULTS)
	RUST_BACKTRACE=0 RUST_TEST_THREADS=1 cargo test --workspace --features $(FAULTS)

bench: ## measure this machine's limits and how near to them Onsale comes (some minutes)
	@scripts/setup.sh bench
	cargo build --release --bins
	target/release/onsale bench --json target/bench.json $(ARGS)

deny: ## licences, bans and sources of all dependencies (installs cargo-deny)
	command -v cargo-deny > /dev/null || cargo install --locked cargo-deny
	cargo deny check licenses bans sources

clean: ## remove everything that was built
	cargo clean
