# Everything from a fresh clone: `make up` for a cluster, `make test` for every test.
# Each target installs what it misses, says what it does, and is quick when nothing is missing.

SHELL := /bin/sh
CLUSTER ?= wherry
NODES ?=
UP_FLAGS ?=

SOURCES := $(shell find apiserver bench cli client controller-manager kubelet machinery proto \
  proxy scheduler test -name '*.ts' -not -path 'proto/generated/*' -o -name '*.proto') \
  tsconfig.json package.json

.PHONY: help up down status test ok build images test-tools clean
.DEFAULT_GOAL := help

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

up: build ## start a cluster with 2 nodes (UP_FLAGS="--nodes 3 --store etcd")
	@sh deploy/install.sh up $(UP_FLAGS)
	@bin/wherry up --name $(CLUSTER) $(if $(NODES),--nodes $(NODES)) $(UP_FLAGS)
	@if docker version >/dev/null 2>&1; then sh examples/shop/images/build.sh; fi

down: build ## stop it; its objects stay in .wherry/
	@bin/wherry down --name $(CLUSTER)

status: build ## how the cluster is
	@bin/wherry status --name $(CLUSTER)

build: dist/.built ## compile

test: test-tools build ## every test: unit, integration, kubectl, e2e
	@node dist/test/run.js

ok: build ## format, lint, types, tidy, unit: under a minute
	@npm run --silent ok

images: ## build the images of examples/shop/
	@sh deploy/install.sh up
	@sh examples/shop/images/build.sh

test-tools:
	@sh deploy/install.sh test

clean: ## remove what was built
	rm -rf dist proto/generated

node_modules/.installed: package.json package-lock.json .npmrc
	@echo 'installing npm packages'
	@npm ci --no-progress --loglevel=error
	@touch $@

dist/.built: node_modules/.installed $(SOURCES)
	@echo 'compiling'
	@npm run --silent build
	@touch $@
