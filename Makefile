# Every target is enough on its own on a fresh Debian machine that has Rust.

# The one list of system packages. The first line builds and runs Vigie, the second tests it. A Node from elsewhere
# is taken as it is, since Debian's npm would conflict with it.
BUILD_PACKAGES := build-essential cmake pkg-config libssl-dev
TEST_PACKAGES  := mosquitto mosquitto-clients faketime nginx-light prometheus python3 python3-paho-mqtt python3-venv \
                  default-jdk-headless maven chromium $(if $(shell command -v node),,nodejs npm)

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

# Where `make deny` puts its tool.
TOOLS := target/tools

.PHONY: run test chaos lint deny accept bench bench-hivemq soak setup

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

chaos: setup ## kills, outages, full disks and panics by the dozen: no reading lost, none doubled (fifty minutes)
	VIGIE_CHAOS=full cargo test --locked --test chaos -- --test-threads=1 --nocapture

# Each prints its part of README's table.
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
