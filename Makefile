# The two commands that matter: `make run` and `make test`. Each works alone on a fresh Debian 12
# machine that has the Swift toolchain.
.PHONY: build run test demo bench soak torture attack generate format check fuzz sanitize clean

export APUS_COMMIT = $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)

release = swift build -c release --product apus --static-swift-stdlib

build:
	@.ci/setup build
	@$(release)

run: build
	@exec .build/release/apus serve $(ARGS)

test:
	@.ci/setup test
	@.ci/test

demo: build
	@.ci/setup demo
	@.ci/demo

bench: build
	@.ci/setup bench
	@.ci/bench $(ARGS)

# MINUTES: how long the runtime is kept busy.
soak:
	@.ci/setup test
	@swift build -c release --product runtime-bench-server --static-swift-stdlib
	@.build/venv/bin/python Tests/Benchmarks/soak.py --minutes $(or $(MINUTES),60)

# SECONDS: how long things break, for clients and then for handlers. ARGS: such as `--seed N`, which
# repeats a run.
torture: build
	@.ci/setup test
	@.build/venv/bin/python Tests/Torture/run.py --seconds $(or $(SECONDS),180) $(ARGS)
	@.build/venv/bin/python Tests/Torture/handlers.py --seconds $(or $(SECONDS),180) $(ARGS)

# SECONDS_EACH: how long each attack lasts.
attack: build
	@.ci/setup test
	@.build/venv/bin/python Tests/Attack/run.py --seconds $(or $(SECONDS_EACH),20) $(ARGS)

generate:
	@.ci/setup build
	@codegen/generate.sh

format:
	@git ls-files -z '*.swift' ':!:*/Generated/*' ':!:Tests/CodegenTests/Golden/*' \
	    | xargs -0 swift format --in-place --configuration .swift-format --parallel

check:
	@.ci/setup test
	@.ci/check

# SECONDS_EACH: how long each fuzz target runs.
fuzz:
	@.ci/setup test
	@Tests/Fuzz/run $(or $(SECONDS_EACH),600)

sanitize:
	@.ci/setup test
	@.ci/sanitize

clean:
	@rm -rf .build
