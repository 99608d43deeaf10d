# Two commands matter: `make demo` and `make test`. Both install what they need first.

SWIFT ?= swift
BIN = .build/release
PYTHON = .venv/bin/python

.PHONY: build test unit interop soak bench demo dist docs packages venv format sanitize clean

build: packages
	$(SWIFT) build -c release --product replicator

demo: packages
	$(SWIFT) build -c release --product replicator
	Scripts/demo.sh $(BIN)/replicator

# One configuration for everything: dependencies are built once. One test at a time: brokers, clients and fuzzers
# that starve each other would prove nothing about time-outs.
test: packages venv
	$(SWIFT) build -c release --build-tests
	REPLICATOR_PYTHON=$(CURDIR)/$(PYTHON) $(SWIFT) test -c release --skip-build --no-parallel
	$(PYTHON) Tests/Interop/run.py $(BIN)/replicator

unit: packages
	$(SWIFT) test -c release

interop: build venv
	$(PYTHON) Tests/Interop/run.py $(BIN)/replicator

bench: packages venv
	$(SWIFT) build -c release
	Scripts/install-packages.sh haproxy
	python3 Scripts/bench.py $(BIN)/replicator
	$(PYTHON) Scripts/bench_latency.py $(BIN)/replicator
	$(PYTHON) Scripts/bench_broker.py $(BIN)/replicator
	$(BIN)/replicator-bench
	REPLICATOR=$(BIN)/replicator TOPICS=10000 $(PYTHON) Tests/Interop/replicate_topics.py

# What is made from the program itself: the manual page and the table of the protocol.
docs: packages
	$(SWIFT) build -c release --build-tests
	Scripts/manual.py $(BIN)/replicator --write
	REPLICATOR_WRITE_DOCS=1 $(SWIFT) test -c release --skip-build --filter ProtocolTableTests

# A tarball that needs no Swift where it is unpacked.
dist: packages
	Scripts/dist.sh

# Exactly once under faults, for as long as asked: SOAK_SECONDS=3600 SOAK_SEED=42 make soak
soak: build venv
	$(PYTHON) Tests/Interop/run.py $(BIN)/replicator replicate_soak

sanitize: packages
	$(SWIFT) test --sanitize=thread --scratch-path .build-tsan --no-parallel

packages:
	@Scripts/install-packages.sh

venv: .venv/ready

.venv/ready: Tests/Interop/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r Tests/Interop/requirements.txt
	touch $@

format:
	$(SWIFT) format --in-place --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build .build-dist .venv dist
