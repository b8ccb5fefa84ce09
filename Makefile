# Two commands matter: `make run` shows a city, `make test` proves it. Both do their own set-up.

CITYWALL_CACHE ?= $(HOME)/.cache/citywall
export CARGO_TARGET_DIR ?= $(CITYWALL_CACHE)/target

# The lock files fix every version; they hold this platform's packages alone, which `npm ci` refuses.
NPM_INSTALL = npm install --silent --no-fund --no-audit

ADDRESS ?= 127.0.0.1:8080
CITY ?= city/demo.gpkg
SCALE ?= small

.PHONY: help setup web build run test soak bench lint clean

help: ## Lists the commands.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: ## Installs the Debian packages that the rest needs.
	@.ci/setup

web: setup ## Builds the map page into server/web/dist.
	@echo "web: building the map page"
	@cd server/web && $(NPM_INSTALL) && npm run --silent build

build: web ## Builds bin/citywall and bin/citywall-viewer.
	@echo "build: compiling (the first time takes about 20 minutes on two cores)"
	cargo build --release --locked --workspace --bins
	@mkdir -p bin
	@ln -sf $(CARGO_TARGET_DIR)/release/citywall $(CARGO_TARGET_DIR)/release/citywall-viewer bin/

run: build ## Makes the demo city if there is none, serves it with live events, opens the wall.
	@mkdir -p $(dir $(CITY))
	@[ -e $(CITY) ] || { echo "run: making the demo city $(CITY)"; bin/citywall demo --city $(CITY) --scale $(SCALE); }
	@.ci/serve $(CITY) $(ADDRESS)

test: build ## Runs every test that continuous integration runs, the browser and the wall included.
	@echo "test: the map page"
	cd server/web && npm run --silent check && npm run --silent test
	cd tests/e2e && $(NPM_INSTALL)
	@echo "test: formatting and lints"
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets --quiet -- -D warnings
	@echo "test: everything else"
	cargo test --release --locked --workspace

soak: build ## Runs the soak, crash and fuzz tests at full length.
	CITYWALL_SOAK=full cargo test --release --locked --workspace -- --nocapture soak_
	@echo "soak: fuzzing, $${CITYWALL_FUZZ_SECONDS:-600} seconds for each reader of outside input"
	tests/fuzz/run
	CITYWALL_SOAK=full cargo bench --locked --workspace --profile release --bench live

bench: build ## Runs the benchmarks beside their peers and prints rows for BENCHMARKS.md.
	cargo bench --locked --workspace --profile release $(addprefix --bench ,import start window http tiles tiles3d martin ingest fences record wall postgis tile38 live grids features)

lint: ## Checks formatting and lints.
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

clean: ## Removes what was built in the checkout; compiled code in $(CITYWALL_CACHE) stays.
	rm -rf bin server/web/dist server/web/node_modules tests/e2e/node_modules
