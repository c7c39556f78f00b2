# Everything runs from `.venv`, which is made from requirements.lock: first what the service needs, for `make run`;
# what its development needs besides, for the other targets.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
GEN := almeno_grpc/_gen
GENERATE := .venv/generator/bin/python protos/generate.py
ASYNC_CLIENT := clients/almeno_client/aio/_gen
RELEASED_PROTOS := protos/almeno-0.1.0.binpb

.PHONY: run test coverage test-lowest bench lint format protos async-client released-protos lock sample-book clean help

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

.venv/service: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	@test -x $(BIN)/python || { echo "Making a virtual environment in .venv"; $(PYTHON) -m venv .venv; }
	@sed '/^# Development/,$$d' requirements.lock > .venv/service.lock
	@echo "Installing the $$(grep -c == .venv/service.lock) packages of the service into .venv; minutes at the first time"
	@$(PIP) install --require-hashes --no-deps -r .venv/service.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/development: .venv/service
	@echo "Installing the $$(grep -c == requirements.lock) packages of the development into .venv"
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@touch $@

.venv/generator/made: protos/generator.lock
	test -x .venv/generator/bin/python || $(PYTHON) -m venv .venv/generator
	.venv/generator/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r protos/generator.lock
	touch $@

# A database that is there already is served as it is.
run: .venv/service ## Serve on 127.0.0.1:50051; where there is no almeno.db, with one made of the sample book.
	$(BIN)/python data/make_sample_database.py
	exec $(BIN)/almeno-server

test: .venv/development ## Run the test suite, in three processes: half of the time a test waits.
	$(BIN)/python -m pytest -n 3 --dist worksteal

coverage: .venv/development ## Show that what decides and what books is tested in every branch.
	$(BIN)/python -m pytest -n 3 --dist worksteal -k "not postgresql" --cov --cov-report=term --cov-fail-under=100 $(COVERING)
COVERING := tests/unit/domain tests/unit/service tests/unit/imports tests/integration/test_*.py tests/integration/imports \
  tests/integration/rpc/test_field_reader.py tests/integration/storage/test_daily_sums.py tests/integration/storage/test_audit_baseline.py

test-lowest: .venv/development ## Make a call with the oldest versions that pyproject.toml allows.
	tests/lowest_versions.sh

bench: .venv/development ## Measure the server beside the bare transport; needs h2load. BENCH=--quick tries it.
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(BENCH)

lint: .venv/development .venv/generator/made ## Check style, types, protos, and that what is generated follows from its sources.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	rm -rf .venv/protos && mkdir -p .venv/protos
	$(GENERATE) .venv/protos/stubs --image .venv/protos/image.binpb --source-info
	$(BIN)/buf lint .venv/protos/image.binpb --config protos/buf.yaml
	$(BIN)/buf breaking .venv/protos/image.binpb --against $(RELEASED_PROTOS) --config protos/buf.yaml
	diff -r -x __pycache__ .venv/protos/stubs $(GEN)
	$(BIN)/python clients/generate_async.py .venv/async-client
	diff -r -x __pycache__ .venv/async-client $(ASYNC_CLIENT)

format: .venv/development ## Put the sources into the house style.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: .venv/generator/made ## Generate the stubs from protos/.
	$(GENERATE) $(GEN)

async-client: .venv/development ## Generate the asynchronous client's methods from the synchronous client's.
	$(BIN)/python clients/generate_async.py $(ASYNC_CLIENT)

released-protos: .venv/generator/made ## Make the image of the protos that later ones are compared with; at a release.
	mkdir -p .venv/protos
	$(GENERATE) .venv/protos/stubs --image $(RELEASED_PROTOS)

lock: .venv/development ## Resolve the dependencies of pyproject.toml into requirements.lock and protos/generator.lock.
	$(BIN)/uv pip compile --group generator $(LOCK_OPTIONS) -o protos/generator.lock
	$(BIN)/uv pip compile pyproject.toml $(SERVICE_EXTRAS) --group build $(LOCK_OPTIONS) -o .venv/service.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --group build --group dev -c .venv/service.lock $(LOCK_OPTIONS) -o .venv/all.lock
	( echo '# Made by `make lock`.'; cat .venv/service.lock; echo '# Development'; \
	  $(BIN)/python -c 'import pathlib, re; \
	    read = lambda p: re.split(r"\n(?=\S)", pathlib.Path(p).read_text().strip()); \
	    service = set(read(".venv/service.lock")); \
	    print("\n".join(pin for pin in read(".venv/all.lock") if pin not in service))' ) > requirements.lock
SERVICE_EXTRAS := --extra cli --extra report --extra server --extra postgres
LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet

sample-book: .venv/service ## Make the files of the sample book in data/ again.
	$(BIN)/python data/make_sample_book.py

clean: ## Remove everything that make has made, the database `almeno.db` excepted.
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* *.egg-info
	cd clients/examples && rm -rf go/credit go/gateway/*.json typescript/node_modules typescript/gen typescript/dist java/target
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
