# Two commands matter: `make demo` and `make test`. Both install what they need first. `make check` is the inner loop.

SWIFT ?= swift
BIN = .build/release
PYTHON = .venv/bin/python
INTEROP = $(PYTHON) Tests/Interop/run.py $(BIN)/replicator

.PHONY: build check test swift-test interop soak fuzz bench bench-compare demo dist dist-test docs pictures packages venv lint format sanitize clean

build: packages
	$(SWIFT) build -c release --product replicator

demo: packages
	$(SWIFT) build -c release --product replicator
	Scripts/demo.sh $(BIN)/replicator

# Lint, pure suites, one flow end to end: minutes.
check: packages venv
	Scripts/test.py check

# One configuration for everything: dependencies are built once, and what is tested is what ships.
test: packages venv
	Scripts/test.py all

# SUITES='GroupOffsetTests|OffsetMapTests' make swift-test
swift-test: packages venv
	$(SWIFT) build -c release --build-tests
	Scripts/test.py swift $(if $(SUITES),'$(SUITES)')

# CHECKS="-k failover" make interop
interop: build venv
	$(INTEROP) $(CHECKS)

# Hours; `ONLY='far latency' QUICK=1 make bench` takes minutes. All figures of all rounds: bench.json.
BENCH = $(PYTHON) Scripts/bench.py $(BIN)/replicator --json bench.json $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	$(if $(ONLY),--only $(ONLY))

bench: packages venv
	$(SWIFT) build -c release
	Scripts/install-packages.sh haproxy
	$(BENCH)
	$(PYTHON) Scripts/bench_broker.py $(BIN)/replicator
	$(BIN)/replicator-bench

# Another commit's build beside this one's, in turn: REF=main ONLY=loop make bench-compare
bench-compare: packages venv
	$(if $(REF),,$(error REF says what to compare with))
	Scripts/build-ref.sh $(REF) .build-ref
	$(SWIFT) build -c release --product replicator
	Scripts/install-packages.sh haproxy
	$(BENCH) --against .build-ref/.build/release/replicator

# What is made from the program itself, the manual page and the table of the protocol; and Kubernetes' manifests, from the chart.
docs: packages venv
	$(PYTHON) Scripts/shipping/chart.py
	$(SWIFT) build -c release --build-tests
	Scripts/manual.py $(BIN)/replicator --write
	REPLICATOR_WRITE_DOCS=1 Scripts/test.py swift ProtocolTableTests

# Pictures of the status page for the documents, made by the tests that show it to a browser.
pictures: build venv
	mkdir -p .build/pictures Docs/pictures
	REPLICATOR_SCREENSHOTS=$(CURDIR)/.build/pictures $(INTEROP) operations/test_page.py
	cp .build/pictures/live.webp Docs/pictures/page.webp
	cp .build/pictures/failed.webp Docs/pictures/page-failed.webp

# Packages that need no Swift where they are installed: a tarball, a Debian package, an image for containers, the bill of
# materials, checksums.
dist: packages
	Scripts/install-packages.sh dpkg-dev umoci ca-certificates
	Scripts/dist.sh

# Installs and runs them on a Debian of their own, booted in namespaces: root, and no container engine.
dist-test: dist
	Scripts/install-packages.sh debootstrap
	Scripts/shipping/trial.py dist

# Exactly once under faults, for as long as asked: SOAK_SECONDS=3600 SOAK_SEED=42 make soak
soak: build venv
	$(INTEROP) replication/test_soak.py

# Each fuzzer for as long as asked, one after the other: FUZZ_SECONDS=3600 FUZZ_SEED=42 make fuzz. What each has done, and
# how much memory it took at most, stands on lines that begin with its name.
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= $(shell date +%s)
FUZZERS = BatchFuzzTests MessageFuzzTests StoredBatchFuzzTests StateRecordTests RequestPathFuzzTests RequestBoundaryTests AnswerFuzzTests

fuzz: packages
	$(SWIFT) build -c release --build-tests
	@echo "the first seed is $(FUZZ_SEED)"
	@for fuzzer in $(FUZZERS); do \
		REPLICATOR_FUZZ_SECONDS=$(FUZZ_SECONDS) REPLICATOR_FUZZ_SEED=$(FUZZ_SEED) \
			.build/release/replicatorPackageTests.xctest --testing-library swift-testing --no-parallel \
			--filter $$fuzzer || exit 1; \
	done

sanitize: packages
	$(SWIFT) test --sanitize=thread --scratch-path .build-tsan --no-parallel

packages:
	@Scripts/install-packages.sh

venv: .venv/ready

.venv/ready: Tests/Interop/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r Tests/Interop/requirements.txt
	touch $@

lint: venv
	$(SWIFT) format lint --strict --recursive --parallel Sources Tests Package.swift
	$(PYTHON) Scripts/lint_page.py
	$(PYTHON) Scripts/lint_words.py

format:
	$(SWIFT) format --in-place --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build .build-dist .build-ref bench.json .venv dist
