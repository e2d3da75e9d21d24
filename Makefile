# Daily work; `make help` lists it. The build itself is Meson's: see script/build.
.DEFAULT_GOAL := build
.PHONY: help build test unit asan clang tsan full fuzz nightly bench check fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the release binary build/tradebot
	@script/bootstrap build
	@script/build release tradebot

test: ## what script/test does: everything that must be green before a commit
	@script/test

unit: asan ## the tests alone, without the checks; ONLY=book runs those whose name contains it
	@script/run-tests --only '$(ONLY)' build-asan

asan: ## build-asan/: gcc with address and undefined-behaviour sanitizers
	@script/bootstrap build test
	@script/build asan

clang: ## build-clang/: the same by clang
	@script/bootstrap build test full
	@script/build clang

tsan: ## build-tsan/: clang with the thread sanitizer
	@script/bootstrap build test full
	@script/build tsan

full: test clang tsan ## the second tier: also by clang, with the thread sanitizer, KILLS=500 (SEED=1), SOAK=600 seconds under load
	@PLAN_ROWS=1000000 script/run-tests build-clang
	@BINARY=$(CURDIR)/build-tsan/tradebot KILLS=10 script/run-tests build-tsan tests/system/test_*
	@BINARY=$(CURDIR)/build/tradebot KILLS=$(or $(KILLS),500) $(if $(SEED),SEED=$(SEED)) tests/system/test_kill
	@BINARY=$(CURDIR)/build/tradebot SOAK=$(or $(SOAK),600) tests/system/soak

fuzz: ## fuzzers for SECONDS=30 each; ONLY=decimal runs one
	@script/bootstrap build test full
	@script/fuzz $(or $(SECONDS),30) $(ONLY)

nightly: asan ## the third tier: STORM=20000 engine storms from SEED on (the clock), then every fuzzer for half an hour
	@first=$(or $(SEED),$$(date +%s)000); echo "storm: seeds from $$first on"; \
	    STORM_SEED=$$first STORM_SEEDS=$(or $(STORM),20000) build-asan/tests/test_core_engine_storm
	@script/bootstrap build test full
	@script/fuzz $(or $(SECONDS),1800)

bench: ## speed beside peers, see bench/RESULTS.md; ONLY=tick runs one
	@script/bootstrap build bench
	@bench/run $(ONLY)

check: ## the architectural checks alone
	@for check in script/check-*; do $$check || [ $$? -eq 77 ] || exit 1; done

fmt: ## formats all C files
	@script/bootstrap full
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

clean: ## removes what was built
	@rm -rf build build-asan build-clang build-tsan build-fuzz
