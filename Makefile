# Two commands: `make run` starts Tidings, `make test` proves it. The work is done in scripts/.

LISTEN ?= 127.0.0.1:8080
DATA ?= data
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test bench fmt clean

help:
	@echo "make run      build Tidings and start it (LISTEN=$(LISTEN) DATA=$(DATA))"
	@echo "make test     install what the tests need, then run all of them"
	@echo "make bench    run a benchmark in a release build (ARGS='fanout'; without ARGS it lists them)"
	@echo "make fmt      format the Rust code"
	@echo "make clean    remove what was built; your data stays"
	@echo "cargo xtask   ci, tidy, codegen, sim"

run:
	@LISTEN='$(LISTEN)' DATA='$(DATA)' scripts/run

test:
	@scripts/test

bench:
	cargo run --release -p tidings-server -- bench $(or $(ARGS),--help)

fmt:
	cargo fmt --all

clean:
	cargo clean
	rm -rf node_modules packages/*/node_modules web/node_modules e2e/node_modules
	rm -rf web/dist packages/*/dist .venv
