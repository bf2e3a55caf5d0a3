# Everything a developer or CI runs. Needs Go, git, make and a POSIX shell; what else a target wants, it says.

GO ?= go
GOLANGCI_VERSION := 2.15.0
GOVULNCHECK_VERSION := 1.9.0
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 5s

# The root module, and the test modules that keep their dependencies out of its go.sum.
MODULES := . $(patsubst %/go.mod,%,$(wildcard */go.mod */*/go.mod */*/*/go.mod))
TEST_FLAGS := -shuffle=on -timeout=30m
# The race detector takes ten times as long in SQLite, which is C translated to Go. With it tests of each engine are run on PostgreSQL
# (storetest.EachEngine), and those of great volume or of whole lives not at all (build tag !race): the packages of UNRACED are run once
# more, without it and on SQLite. internal/arch holds that list to the code. Those of PROCESSES are run without it only: what they
# test are processes, a browser and a model. So are the other modules, which hold files to descriptions.
PROCESSES := ./internal/chaos ./internal/paypage ./internal/protocol ./cmd/tranche
UNRACED := ./handlers ./jobs ./scheduler $(addprefix ./internal/,binding catchup export forecast importing operator planning reconcile recovery store)
# Those that live by a fast clock come last, with nothing beside them: days pass while a busy machine keeps them waiting.
FAST_CLOCK := ./cmd/tranche
# What make build compiles is not compiled again, and go vet is the linter's.
AS_BUILT := -trimpath -vet=off

.DEFAULT_GOAL := help
.PHONY: help demo build test chaos restores mutants recovery-report lint fuzz hostile bench licenses vuln clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## run the main job on embedded defaults: no account, no network, no services
	@bin/tranche demo

# No C in the binary: it runs on any Linux of its architecture, and in an image that holds nothing else.
build: ## build bin/tranche, static and stamped with its version
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/tranche ./cmd/tranche

# The race detector needs a C compiler; whether one works is found out by using it.
test: ## run all tests; with REQUIRE_SERVICES=1 a skipped test is a failure
	@mkdir -p bin
	@$(GO) build -o bin/testreport ./internal/testreport
	@if why=$$(CGO_ENABLED=1 $(GO) build -race -o /dev/null ./internal/testreport 2>&1); then \
		CGO_ENABLED=1 bin/testreport . -- -race $(TEST_FLAGS) $$($(GO) list ./... | grep -vxE '$(subst $() ,|,$(PROCESSES:./%=tranche/%))') && \
		export CGO_ENABLED=0 && TEST_ENGINE=sqlite bin/testreport . -- $(TEST_FLAGS) $(AS_BUILT) $(UNRACED) $(filter-out $(FAST_CLOCK),$(PROCESSES)) && \
		bin/testreport . -- $(TEST_FLAGS) $(AS_BUILT) $(FAST_CLOCK) && \
		bin/testreport $(filter-out .,$(MODULES)) -- $(TEST_FLAGS) $(AS_BUILT) ./...; \
	elif [ "$${REQUIRE_SERVICES:-}" = 1 ]; then \
		echo "make test: the race detector does not build, and REQUIRE_SERVICES=1 wants it: $$why" >&2; exit 1; \
	else \
		echo "make test: no working C compiler here, so the race detector stays off"; \
		bin/testreport $(MODULES) -- $(TEST_FLAGS) ./...; \
	fi

chaos: build ## break everything at random for CHAOS_SECONDS (300), then compare from outside; CHAOS_SEED repeats a run
	@$(GO) run ./internal/chaos

restores: ## take RESTORES (1000) databases back in time, and count second charges and lost ones in the simulator's own ledger
	@cd jobs && REQUIRE_SERVICES=1 RESTORES=$${RESTORES:-1000} $(GO) test -trimpath -vet=off -count=1 -timeout 120m -run '^TestRestores_Random$$'

mutants: ## remove each guard of internal/mutants in turn: the test that is named for it must fail
	@REQUIRE_SERVICES=1 $(GO) test -tags mutants $(AS_BUILT) -count=1 -timeout 30m ./internal/mutants

recovery-report: ## what the default dunning policy recovers in a simulated year, beside a naive ladder and the ceiling
	@$(GO) run ./internal/dunning/simulation/report

lint: ## gofmt, go vet, golangci-lint; shellcheck and yamllint where they are installed
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt wants to change:"; echo "$$unformatted"; exit 1; fi
	@linter="$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)"; \
	if golangci-lint version 2>/dev/null | grep -qF 'version $(GOLANGCI_VERSION) '; then linter=golangci-lint; fi; \
	config=$$PWD/.golangci.yml; failed=; \
	for dir in $(MODULES); do \
		echo "lint $$dir"; \
		(cd $$dir && $(GO) vet ./... && $$linter run --allow-parallel-runners --config "$$config" ./...) || failed=1; \
	done; \
	test -z "$$failed"
	@if command -v shellcheck >/dev/null; then echo "shellcheck"; shellcheck .ci/run; else echo "shellcheck is not installed: left out"; fi
	@if command -v yamllint >/dev/null; then echo "yamllint"; yamllint --strict -c .ci/yamllint.yml .golangci.yml .ci deploy; else echo "yamllint is not installed: left out"; fi

fuzz: ## run every fuzz target for FUZZTIME (5s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$$target in $$file"; \
			(cd "$$(dirname "$$file")" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .) || exit 1; \
		done; \
	done

# The databases are as careful as ever about what they keep, but wait for no disk: nothing here outlives the run.
hostile: ## send INPUTS (1000000) hostile requests to two instances, one on each database, in HOSTILE_JOBS (2) processes, and compare the answers; HOSTILE_SEED (1) is the first seed
	@mkdir -p bin && cd handlers && $(GO) test $(AS_BUILT) -c -o ../bin/hostile.test . && \
	if [ -d /dev/shm ]; then export TMPDIR=/dev/shm; fi && export PGOPTIONS='-c synchronous_commit=off' REQUIRE_SERVICES=1 && \
	jobs=$${HOSTILE_JOBS:-2} seed=$${HOSTILE_SEED:-1} share=$$(($${INPUTS:-1000000} / $${HOSTILE_JOBS:-2})) pids= && \
	for job in $$(seq $$jobs); do \
		INPUTS=$$share HOSTILE_SEED=$$((seed + (job - 1) * (share / 2000 + 1))) ../bin/hostile.test -test.run '^TestHostileInputs$$' -test.timeout 0 & pids="$$pids $$!"; \
	done && \
	failed= && for pid in $$pids; do wait $$pid || failed=1; done && test -z "$$failed"

bench: ## run every benchmark, and no test
	$(GO) test -run '^$$' -bench . -benchmem ./...

licenses: ## write the license texts and an SBOM (CycloneDX) of what is in the binary to bin/
	@mkdir -p bin
	@$(GO) run ./internal/licenses

vuln: ## compare the code's calls with Go's vulnerability database (vuln.go.dev); needs the network
	@$(GO) run golang.org/x/vuln/cmd/govulncheck@v$(GOVULNCHECK_VERSION) ./...

clean: ## remove what was built
	rm -rf bin coverage.out
