# make run    install, and open the viewer on the demo film (without a screen: segment it, leaving the results in out/)
# make test   install, and run lint, types, import contracts and tests: what CI runs
# make help   the rest

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test lint types contracts unit demo train evaluate screenshots dist installer smoke clean

help:
	@echo "make run          install and open the viewer on the demo film"
	@echo "make test         install and run every check (lint, types, import contracts, tests)"
	@echo "make unit         only the tests"
	@echo "make train        pretrain, train, outline films without masks, train on, release: from DATA=folder"
	@echo "                  (default ../shared/data/cxr) into RUN=folder; it goes on where it was stopped."
	@echo "                  CONVENTION=heart-excluded or heart-included, where the masks do not say"
	@echo "make evaluate     reproduce the figures of docs/model-card.md from the bundled checkpoint and DATA"
	@echo "make screenshots  photograph the viewer for the documents"
	@echo "make demo         simulate the demo film again"
	@echo "make dist         freeze the program into dist/, and pack it"
	@echo "make installer    a .deb of the frozen program (Windows: setup.exe; macOS: .dmg)"
	@echo "make smoke        try the frozen program as a new user without a network would"
	@echo "make clean        remove the environment and everything built"

$(BIN)/python:
	@$(PYTHON) packaging/check_system.py python
	$(PYTHON) -m venv $(VENV)

# What the viewer needs: no torch.
$(VENV)/.installed-app: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

# What developers need: torch, and the tools.
$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.installed-app

run: $(VENV)/.installed-app
	@$(BIN)/python packaging/run_demo.py

test: lint types contracts unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/.installed-dev
	@$(BIN)/python packaging/check_system.py qt
	$(BIN)/pytest -n 2 --dist loadfile

DATA ?= ../shared/data/cxr
RUN ?= runs/whole

# Each step passes over what is done, and goes on after a kill.
train: $(VENV)/.installed-dev
	$(BIN)/python -m training.whole --data $(DATA) --out $(RUN) $(if $(CONVENTION),--convention $(CONVENTION)) \
	    $(if $(SOURCES),--sources $(SOURCES))

evaluate: $(VENV)/.installed-dev
	$(BIN)/python -m training.evaluate --data $(DATA) --sources shenzhen montgomery --split val --out out/evaluation/val
	$(BIN)/python -m training.evaluate --data $(DATA) --sources shenzhen montgomery --split test --altered --final \
	    --out out/evaluation/test
	$(BIN)/python -m training.evaluate --data $(DATA) --split external --out out/evaluation/external
	$(BIN)/python -m training.doubted --data $(DATA)

screenshots: $(VENV)/.installed-app
	$(BIN)/python packaging/screenshots.py

demo: $(VENV)/.installed-dev
	$(BIN)/python -m training.phantom --out resources/demo

dist: $(VENV)/.installed-dev
	$(BIN)/python packaging/build.py

installer: $(VENV)/.installed-dev
	$(BIN)/python packaging/installers.py $(if $(filter Darwin,$(shell uname -s)),dist/Lungbox.app,dist/lungbox)

smoke: $(VENV)/.installed-dev
	$(BIN)/python packaging/smoke.py dist/lungbox

clean:
	rm -rf $(VENV) build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache
