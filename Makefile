# `make run` and `make test` are all that a fresh machine needs (Python 3.11, make, git).
PYTHON ?= python3.11
CONFIG ?= config.yaml
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
REQUIREMENTS := envs/requirements.txt
DEV_REQUIREMENTS := envs/requirements-dev.txt
SLURM_REQUIREMENTS := envs/requirements-slurm.txt
PEERS := results/peers/clip
PEER_REQUIREMENTS := benchmarks/peers/clip.txt

.PHONY: run test test-embedded test-slurm test-slow bench bench-full lint format setup setup-dev setup-slurm clean

run: setup
	@$(BIN)/python workflow/unlock.py --configfile "$(CONFIG)"
	@$(BIN)/snakemake --quiet reason --cores $(CORES) --configfile "$(CONFIG)"
	@$(BIN)/python workflow/summarise.py --configfile "$(CONFIG)"

test: setup-dev lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not embedded and not slurm and not slow"

# Minutes more: what `make test` shows of single processes, shown of whole workflows.
test-slow: setup-dev setup-slurm
	$(BIN)/pytest -m slow

test-embedded: setup-dev
	$(BIN)/pytest -m embedded

# Says that it skips where it is not root on Debian, or where a SLURM runs already.
test-slurm: setup-dev setup-slurm
	$(BIN)/pytest -m "slurm and not slow" tests/slurm

# Beside peers, in an environment of their own. CAPTIONS is a list of captions and URLs, such as
# CC3M's; without it captions are drawn. Writes benchmarks/results.md.
bench: setup-dev $(PEERS)/.requirements
	$(BIN)/python benchmarks/suite.py --size reduced $(if $(CAPTIONS),--captions $(CAPTIONS))

bench-full: setup-dev $(PEERS)/.requirements
	$(BIN)/python benchmarks/suite.py --size full $(if $(CAPTIONS),--captions $(CAPTIONS))

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow/rules

setup: $(VENV)/.requirements
setup-dev: $(VENV)/.requirements-dev
setup-slurm: $(VENV)/.requirements-slurm

$(VENV)/.requirements: $(REQUIREMENTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@touch $@

$(VENV)/.requirements-dev: $(VENV)/.requirements $(DEV_REQUIREMENTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(DEV_REQUIREMENTS)
	@touch $@

$(VENV)/.requirements-slurm: $(VENV)/.requirements $(SLURM_REQUIREMENTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(SLURM_REQUIREMENTS)
	@touch $@

$(PEERS)/.requirements: $(PEER_REQUIREMENTS) | setup
	$(BIN)/python benchmarks/suite.py --setup
	@touch $@

clean:
	rm -rf $(VENV)
