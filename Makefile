# Every target is enough on its own on a fresh Debian machine that has Rust.

# The one list of system packages. The first line builds and runs Vigie, the second tests it. A Node from elsewhere
# is taken as it is, since Debian's npm would conflict with it.
BUILD_PACKAGES := build-essential cmake pkg-config libssl-dev
TEST_PACKAGES  := mosquitto mosquitto-clients faketime nginx-light prometheus python3 python3-paho-mqtt python3-venv \
                  default-jdk-headless maven chromium e2fsprogs mount eatmydata $(if $(shell command -v node),,nodejs npm)

SUDO := $(if $(filter 0,$(shell id -u)),,sudo -E)
CONFIG ?= config/factory.toml

# $(call install,PACKAGES): installs those that are missing, and says so first.
define install
	@missing=""; for package in $(1); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "Installing$$missing"; \
	  $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $$missing; \
	fi
endef

# Where `make deny` and `make fuzz` put their tools.
TOOLS := target/tools

.PHONY: run test chaos lint deny fuzz accept bench bench-hivemq soak setup

run: ## builds Vigie and runs CONFIG (config/factory.toml: four sensors on the embedded broker)
	$(call install,$(BUILD_PACKAGES))
	cargo build --locked
	exec target/debug/vigie run -c $(CONFIG)

test: setup ## runs every test
	cargo test --locked

lint: ## formatting, clippy, documentation; licences and sources of libraries where `make deny` has put its tool
	$(call install,$(BUILD_PACKAGES))
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	@if [ -x $(TOOLS)/bin/cargo-deny ]; then $(MAKE) deny; else echo "Not checked: licences and sources of libraries (make deny)"; fi

deny: ## licences, sources and versions of all libraries (the first time it builds cargo-deny: ten minutes)
	$(call install,$(BUILD_PACKAGES))
	[ -x $(TOOLS)/bin/cargo-deny ] || cargo install cargo-deny --locked --version 0.20.2 --root $(TOOLS)
	$(TOOLS)/bin/cargo-deny --locked check licenses bans sources

# What takes longer than `make test` (under a quarter of an hour), before a version is called done.
# Figures (`make bench`) stand apart: they want a machine of their own.
accept: setup deny chaos $(TOOLS)/schemathesis/bin/schemathesis ## what `make test` has no time for: licences, chaos and acceptance in full (two hours)
	@if [ -d tests/acceptance ]; then \
	  VIGIE_ACCEPT=full,outage,echo,locked,windows,replay,backlog,words,fuzz,history,month,mutations,page cargo test --locked --test acceptance -- --test-threads=1 --nocapture; \
	fi

# Makes up requests from the API's description.
$(TOOLS)/schemathesis/bin/schemathesis:
	python3 -m venv $(TOOLS)/schemathesis
	$(TOOLS)/schemathesis/bin/pip install --quiet schemathesis==4.32.5

chaos: setup ## kills, outages, full disks and panics by the dozen: no reading lost, none doubled (more than an hour)
	VIGIE_CHAOS=full cargo test --locked --test chaos -- --test-threads=1 --nocapture

# The decoders of devices' messages, each family by itself, two at a time. Not a part of `make test` or `make accept`:
# it takes a nightly compiler. `make fuzz FUZZ_SECONDS=20 FUZZ_FAMILIES='homie shelly'` is a short one. What a crash
# means: docs/development.md.
FUZZ_SECONDS ?= 600
FUZZ_FAMILIES ?= $(basename $(notdir $(wildcard tests/fuzz/tables/*.toml)))
FUZZ_LOGS ?= target/fuzz
FUZZ := RUSTUP_TOOLCHAIN=nightly $(TOOLS)/bin/cargo-fuzz

fuzz: ## FUZZ_SECONDS (600) of made-up messages for every family of devices: an hour and a half
	$(call install,$(BUILD_PACKAGES))
	@rustup toolchain list | grep -q '^nightly' || { echo 'Needs a nightly compiler: rustup toolchain install nightly'; exit 1; }
	[ -x $(TOOLS)/bin/cargo-fuzz ] || cargo install cargo-fuzz --locked --version 0.13.1 --root $(TOOLS)
	$(FUZZ) build --fuzz-dir tests/fuzz decode
	@mkdir -p $(FUZZ_LOGS)
	@$(MAKE) --no-print-directory -k -j2 $(FUZZ_FAMILIES:%=fuzz-%)

# One family. Words in quotes of its sources are its dictionary. The stack is that of a thread of the daemon.
fuzz-%:
	@mkdir -p tests/fuzz/corpus/$* $(FUZZ_LOGS)
	@grep -rohE '"[A-Za-z0-9_$$/%.:-]{2,32}"' $(wildcard $(foreach of,$* families/$*,src/ingest/formats/$(of) src/ingest/formats/$(of).rs)) \
	  src/ingest/formats/kit | sort -u > $(FUZZ_LOGS)/$*.dict
	@ulimit -s 2048; VIGIE_FUZZ=$* $(FUZZ) run --fuzz-dir tests/fuzz decode tests/fuzz/corpus/$* tests/fuzz/seeds/$* -- \
	  -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=1024 -max_len=16384 -dict=$(FUZZ_LOGS)/$*.dict \
	  -print_final_stats=1 > $(FUZZ_LOGS)/$*.log 2>&1 \
	  || { tail -n 40 $(FUZZ_LOGS)/$*.log; echo "$*: see $(FUZZ_LOGS)/$*.log"; exit 1; }
	@echo "$*: $$(grep -E 'cov: [0-9]+' $(FUZZ_LOGS)/$*.log | tail -n 1)"

# Each prints its part of the table in docs/performance.md.
bench: setup ## throughput, latency, fleets, and what the steps of a reading and rules cost: fifteen minutes
	cargo bench --locked --bench measure

bench-hivemq: setup ## the same at HiveMQ: half a million messages that wait there, latency; a quarter of an hour
	cargo bench --locked --bench measure -- backlog latency-hivemq

soak: setup ## ten minutes at a steady rate: what grows
	cargo bench --locked --bench measure -- soak

setup: ## installs what building and testing need
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	@$(MAKE) --no-print-directory tests/web/node_modules

# What tests of the pages need from npm: a browser's remote control, a checker of types, one of accessibility.
tests/web/node_modules: tests/web/package-lock.json
	cd tests/web && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
