# make help lists the verbs. Everything is installed into .venv and a cache, never into the system.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.locked

# Only what stands on make's own command line counts: a KUBECONFIG of the environment is not ours.
given = $(and $(filter command,$(origin $(1))),$($(1)))
option = $(if $(call given,$(1)),$(2) '$(call given,$(1))')
switch = $(if $(filter-out 0 no false,$(call given,$(1))),$(2))

.DEFAULT_GOAL := help
.PHONY: help venv tools cluster check format lint types layers demo picture test test-schedules docs reference package \
	rights alerts bench bench-scale bench-plan bench-idle bench-schedules bench-estimates bench-faults bench-traces \
	bench-preview bench-rollback proof-faults proof-scale proof-traffic proof-endurance plot bench-webhook proof-webhook proof-rotation proof-abuse \
	lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## a virtual environment with the locked dependencies

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …")'
	@echo "Installing the locked dependencies into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

tools: venv ## build etcd, the control plane, kwok, kubectl and both Helm majors, once
	@$(BIN)/python -m mattermost_migrate.testing.tools

cluster: venv ## a control plane with our CRDs, until Ctrl-C (RUN='kubectl get crds': run that in it)
	@$(BIN)/python -m mattermost_migrate.testing.cluster $(OPTIONS) -- $(RUN)

check: format lint types layers ## what CI checks besides docs and tests

format: venv
	@$(BIN)/ruff format --check .

lint: venv
	@$(BIN)/ruff check .

types: venv
	@$(BIN)/mypy

layers: venv
	@$(BIN)/lint-imports --no-cache

demo: venv ## the whole of it, to watch: 32 live installations migrate (FLEET=9, HELM=3, KEEP=1, KUBECONFIG=FILE)
	@$(BIN)/python -m deploy.demo $(call option,FLEET,--fleet) $(call option,HELM,--helm) \
		$(call option,KUBECONFIG,--kubeconfig) $(call switch,KEEP,--keep) $(call switch,YES,--yes)

picture: venv ## the picture in the README, of a real run of the demo
	@$(BIN)/python -m deploy.demo.picture

# Tools first: what is built shows its progress, and not in two workers at once.
test: tools ## every test: unit, integration, end to end, on two real control planes (WORKERS=0: on one)
	@rm -rf .cache/audit
	@MATTERMOST_MIGRATE_AUDIT=.cache/audit $(BIN)/pytest -n $(or $(call given,WORKERS),2) --dist loadfile $(ARGS)

test-schedules: tools ## of make test the hundred random schedules of faults alone, from another seed (SEED=7)
	@$(if $(call given,SEED),MATTERMOST_MIGRATE_SEED='$(SEED)') $(BIN)/pytest -q -n 2 $(ARGS) \
		tests/integration/migration/faults/test_random_schedules.py

docs: ## build the documentation into build/site; a warning is an error
	@test -x $(VENV)-docs/bin/mkdocs || { $(PYTHON) -m venv $(VENV)-docs && $(VENV)-docs/bin/pip install \
		--quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt; }
	@NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --quiet --strict

reference: venv ## write the generated pages anew: chart README, dashboard, reference
	@$(BIN)/python -m deploy.reference

package: venv ## the plugin as an archive that needs no package index (KEY=you@example.com signs it)
	@$(BIN)/python deploy/package_plugin.py $(call option,KEY,--key)

rights: venv ## after a whole make test: are the chart's rights just those that it made use of?
	@$(BIN)/python -m deploy.rights .cache/audit

alerts: venv ## Prometheus' own tool on alerts, their tests and the dashboard (builds it once: minutes)
	@$(BIN)/python -m deploy.alerts

bench: venv ## a million conversions there and back (COUNT=20000 for a short one); records: bench/
	@$(BIN)/python bench/conversion_round_trip.py $(call option,COUNT,--count)

bench-scale: venv ## fleets on control planes of their own, beside a bare script (COUNT=100,300 RECREATE=0)
	@$(BIN)/python -m bench.scale $(call option,COUNT,--counts) $(call option,RECREATE,--recreate) $(OPTIONS)

bench-plan: venv ## plan a thousand installations (COUNT=200 OPTIONS='--record FILE')
	@$(BIN)/python -m bench.scale --plan $(if $(call given,COUNT),'$(COUNT)',1000) $(OPTIONS)

bench-idle: venv ## five thousand installations in the informers of an idle controller
	@$(BIN)/python -m bench.scale --idle $(if $(call given,COUNT),'$(COUNT)',5000) $(OPTIONS)

bench-schedules: venv ## a million schedules of fleets on a simulated clock (COUNT=20000)
	@$(BIN)/python bench/fleet_schedules.py $(call option,COUNT,--count)

bench-estimates: venv ## how true a fleet's estimates are, over 2,000 fleets on a simulated clock (COUNT=100)
	@$(BIN)/python bench/fleet_estimates.py $(call option,COUNT,--count)

bench-faults: venv ## random schedules of faults, ten thousand of them (COUNT=500 for fewer)
	@$(BIN)/python bench/fault_schedules.py $(call option,COUNT,--count)

bench-traces: venv ## one installation a hundred times there and back, all objects compared (ROUNDS=10)
	@$(BIN)/python bench/there_and_back.py $(call option,ROUNDS,--rounds)

bench-rollback: venv ## seconds from the decision to go back to its end, each write refused (COUNT=10 at once)
	@$(BIN)/python bench/rollback.py $(call option,COUNT,--installations)

bench-preview: venv ## a million stored objects shown as v1beta1-preview and put back (COUNT=…)
	@$(BIN)/python bench/preview_conversion.py $(call option,COUNT,--count)

bench-webhook: venv ## processor time of one review and of one converted object, by server and client
	@$(BIN)/python bench/webhook_processor.py $(OPTIONS)

proof-faults: venv ## every write of a migration, every fault, on a real control plane (COUNT=1000 schedules)
	@$(BIN)/python bench/faults.py $(call option,COUNT,--schedules) $(call option,SEED,--seed)

proof-traffic: venv ## 500 requests/s and 200 WebSockets over 100 migrations and reverts (SEED=7); records: bench/
	@$(BIN)/python bench/traffic.py --blogs-order $(call option,SEED,--seed) $(OPTIONS)

proof-endurance: venv ## a day's wear in ten minutes: nothing grows (MINUTES=10)
	@$(BIN)/python bench/endurance.py $(call option,MINUTES,--minutes) $(OPTIONS)

plot: venv ## draw the recorded proof of traffic anew: docs/images/traffic.svg
	@$(BIN)/python bench/plot_traffic.py

proof-scale: venv ## 3,000 move and come back, a tenth fails, leaders die, the API server restarts (COUNT=100)
	@$(BIN)/python -m bench.scale.proof $(call option,COUNT,--count) $(OPTIONS)

proof-webhook: venv ## throughput, long lists, rude clients, rotation (OPTIONS=--small; '--only load abuse')
	@$(BIN)/python bench/webhook_proof.py $(OPTIONS)

proof-rotation: venv ## no call lost in 100 restarts, 200 new certificates and 20 new CAs (about 20 minutes)
	@$(BIN)/python bench/webhook_rotation.py $(OPTIONS)

proof-abuse: venv ## good calls stay fast among 200 stalled clients, garbage, huge and nested bodies
	@$(BIN)/python bench/webhook_abuse.py $(OPTIONS)

lock: ## write the lock files anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements/build.in -o requirements/build.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements/runtime.txt pyproject.toml --group dev requirements/build.in -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group docs -o requirements/docs.txt

clean: ## remove what this checkout built (the shared cache of tools stays)
	rm -rf $(VENV) $(VENV)-docs .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
