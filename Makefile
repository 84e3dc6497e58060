# lambda-web: "make help" lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Settings, given as: make local PORT=4000
STACK ?= dev
PORT  ?= 3000
HOST  ?= 127.0.0.1
# Port of the site in front of the API, with front: cloudfront. Empty is the one behind PORT.
SITE_PORT ?=
APP   ?=
# The stack's settings, if not those in Pulumi.$(STACK).yaml. An example brings its own.
CONFIG ?= $(if $(APP),$(wildcard $(APP)/Pulumi.$(notdir $(APP:/=)).yaml))
# How the app runs: container, process, or auto for container where an engine answers.
MODE  ?= auto
# Starts the app in process mode, in the place of its Procfile or Dockerfile: make local COMMAND='flask run -p $$PORT'
COMMAND ?=
# The page that shows invocations, at /@/: on, record (with the traffic between adapter and app), or off.
CONSOLE ?= on
# on: schedules run by the clock of this machine.
SCHEDULES ?=
# What a terminal shows: short, platform, or cloudwatch.
LOG   ?=
# DEBUG=1 stops the clocks while a debugger is attached to the app.
DEBUG ?=
ARGS  ?= /

# One set of flags for every Go command, so that they share one build cache with "pulumi up".
export GOFLAGS := -trimpath -buildvcs=false
BIN   := .lambda-web/bin
# What is given is passed on as it is: neither make nor the shell expands it.
START = $(if $(value COMMAND), -command '$(subst ','\'',$(value COMMAND))')
LOCAL = $(BIN)/local -stack $(STACK) -host $(HOST) -mode $(MODE) -console $(CONSOLE) $(if $(SCHEDULES),-schedules=$(SCHEDULES)) $(if $(SITE_PORT),-site-port $(SITE_PORT)) $(if $(LOG),-log $(LOG)) $(if $(DEBUG),-debug) $(if $(CONFIG),-config-file "$(CONFIG)") $(if $(APP),-app "$(APP)")$(START)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Settings: STACK=$(STACK) PORT=$(PORT) SITE_PORT=(the one behind PORT) HOST=$(HOST) APP=(the stack's own) MODE=$(MODE) CONSOLE=$(CONSOLE) COMMAND=(the app's own)"

.PHONY: local
local: tools ## Run the app behind a local REST API and Lambda sandbox
	@go run ./local/build -o $(BIN) -static -ahead ./infra lambda-adapter=./adapter
	@go run ./local/build -o $(BIN) ./local
	@LAMBDA_WEB_STOP_WITH_PARENT=1 exec $(LOCAL) -build -port $(PORT)

.PHONY: dockerfile
dockerfile: tools ## Write a Dockerfile for the app in APP, which has none
	@go run ./dockerfile "$(APP)"

.PHONY: smoke
smoke: build ## Start it on a free port, call the sample app's routes, stop it
	@go run ./test/smoke $(LOCAL) -port 0

CMD    ?=
DETACH ?=
# Where a command runs: on AWS if STACK is given, else on this machine. WHERE=local or WHERE=aws decides it.
NOT_GIVEN = $(filter file undefined,$(origin $1))
RUNS_ON   = $(if $(call NOT_GIVEN,WHERE),$(if $(call NOT_GIVEN,STACK),local,aws),$(WHERE))

.PHONY: run
run: $(if $(filter aws,$(RUNS_ON)),tools,build) ## Run a command in the app's environment: make run CMD="python manage.py migrate"; AWS, with STACK: in the deployed one, DETACH=1 to start it and follow its log
	@$(if $(value CMD),,echo "CMD is empty; give the command, for example: make run CMD=\"python manage.py migrate\""; exit 1)
ifeq ($(RUNS_ON),aws)
	@go run ./deploy/check $(ON) pulumi stack region credentials
	@go build -o $(BIN)/run ./deploy/run
	@exec $(BIN)/run -stack "$(STACK)" $(if $(DETACH),-detach) -command '$(subst ','\'',$(value CMD))'
else
	@exec $(LOCAL) -run '$(subst ','\'',$(value CMD))'
endif

# A file with an event, and the function that gets it where there are several.
FILE     ?=
FUNCTION ?=

.PHONY: event
event: tools ## Send an event to the app that runs locally: make event FILE=event.json, make event SCHEDULE=nightly
	@go build -o $(BIN)/event ./local/event
	@$(BIN)/event -address 127.0.0.1:$(PORT) -function "$(FUNCTION)" $(if $(SCHEDULE),-schedule "$(SCHEDULE)") "$(FILE)"

.PHONY: build
build: tools ## Build the adapter, the Pulumi program and the local cloud
	@go run ./local/build -o $(BIN) -static lambda-adapter=./adapter
	@go run ./local/build -o $(BIN) ./infra ./local

# These start many processes; one after the other they do not starve each other.
ALONE := ^lambda-web/test/(bench|conformance|cloud|verify)$$
# These are slow and have targets of their own.
SLOW := ^lambda-web/release$$
# These link the Pulumi SDK, which takes minutes to compile: they share the build of "make build".
# The race detector is for what has goroutines of its own. A program with it would wait for a second at its end.
RACE = $(shell if [ "$$(go env CGO_ENABLED)" = 1 ] && command -v "$$(go env CC)" >/dev/null 2>&1; then echo -race; \
  else echo "Without a C compiler the tests run without the race detector." >&2; fi)
test: export GORACE = atexit_sleep_ms=50
PULUMI_SDK := ^lambda-web/(infra|infra/webapp|examples/embed|test/engine|test/engine/standin)$$

.PHONY: test
test: build test-app ## Run the tests
	@echo "Testing (the first time compiles what is tested, which takes some minutes)"
	@go test $$(go list ./... | grep -E '$(PULUMI_SDK)')
	@go test $(RACE) $$(go list ./... | grep -vE '$(PULUMI_SDK)|$(ALONE)|$(SLOW)')
	@go test -tags purego ./adapter/internal/rawjson
	@go test $(RACE) -timeout 20m -p 1 $$(go list ./... | grep -E '$(ALONE)')

APP_TESTS := .lambda-web/venv-app-tests

.PHONY: test-app
test-app: $(APP_TESTS)/installed ## Run the sample app's own tests
	@cd app && PYTHONDONTWRITEBYTECODE=1 ../$(APP_TESTS)/bin/python -m pytest -q -p no:cacheprovider

$(APP_TESTS)/installed: app/requirements.txt app/requirements-dev.txt | tools
	@echo "Installing the sample app's test packages (once)"
	@rm -rf $(APP_TESTS)
	@python3 -m venv $(APP_TESTS) && $(APP_TESTS)/bin/python -m pip install --quiet --disable-pip-version-check -r app/requirements-dev.txt || { \
	  echo "The app's tests need Flask and pytest, which could not be installed: connect this machine to a Python package index and run the command again."; exit 1; }
	@touch $@

FUZZTIME ?= 20s
FUZZ     ?= adapter dockerfile local infra secrets deploy

# Go's fuzzing now and then reports the end of its time as a failure, without an input: that is none.
.PHONY: fuzz
fuzz: tools ## Fuzz every parser for FUZZTIME each (20s), in the folders of FUZZ
	@mkdir -p .lambda-web
	@grep -rlE '^func Fuzz' --include='*_test.go' $(FUZZ) | sort | while read -r file; do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$file"); do \
	    echo "$$(dirname "$$file") $$target"; \
	    { go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s; \
	      echo $$? > .lambda-web/fuzz.exit; } 2>&1 | tee .lambda-web/fuzz.log; \
	    [ "$$(cat .lambda-web/fuzz.exit)" = 0 ] || { grep -q '^    context deadline exceeded$$' .lambda-web/fuzz.log && \
	      ! grep -q 'Failing input written' .lambda-web/fuzz.log && echo "The time was up in the middle of an input."; } || exit 1; \
	  done || exit 1; \
	done

N    ?= 10000
SEED ?= 0

.PHONY: chaos
chaos: tools ## Run the adapter against an app and a Runtime API that fail on schedule (N invocations, SEED)
	@go run ./test/chaos -n $(N) $(if $(filter-out 0,$(SEED)),-seed $(SEED))

QEMU := qemu-aarch64

.PHONY: test-arm64
test-arm64: tools ## Run the adapter's tests for arm64 under QEMU
	@command -v $(QEMU) >/dev/null || { echo "$(QEMU) is missing: install QEMU's user mode (on Debian: apt-get install qemu-user), then run the command again."; exit 1; }
	@GOARCH=arm64 CGO_ENABLED=0 go test -exec $(QEMU) ./adapter/internal/...
	@LAMBDA_WEB_TEST_ARCHITECTURE=arm64 LAMBDA_WEB_TEST_QEMU=$(QEMU) go test -count=1 ./test/conformance

.PHONY: test-rie
test-rie: tools ## Run the adapter under AWS's Runtime Interface Emulator, and compare the sandbox with it
	@go test -tags rie -run RIE -count=1 -v ./test/conformance ./test/emulator

.PHONY: test-container
test-container: build ## Run sandboxes as containers (installs and starts Docker where there is none, as root)
	@LAMBDA_WEB_TEST_CONTAINER=1 go test -count=1 -timeout 20m -v ./test/container/

.PHONY: test-console
test-console: build ## Use the console in headless Chromium
	@LAMBDA_WEB_TEST_BROWSER=1 go test -count=1 -timeout 10m ./test/console

.PHONY: screenshots
screenshots: build ## Photograph the console for the docs, in Chromium
	@go run ./test/console -bin $(BIN) -out docs/pictures

EXAMPLE ?=

.PHONY: test-examples
test-examples: build ## Use the apps in examples/ as people do (EXAMPLE=TestDjango for one, MODE for one mode)
	@LAMBDA_WEB_TEST_EXAMPLES=1 LAMBDA_WEB_TEST_MODE=$(MODE) go test -count=1 -timeout 60m -v $(if $(EXAMPLE),-run "$(EXAMPLE)") ./test/endtoend

.PHONY: test-plain
test-plain: build ## Walk the apps in examples/plain in headless Chromium (EXAMPLE=TestFlaskBlog for one)
	@LAMBDA_WEB_TEST_BROWSER=1 go test -count=1 -timeout 30m -v $(if $(EXAMPLE),-run "$(EXAMPLE)") ./test/plain

COLDSTART ?=

.PHONY: bench-examples
bench-examples: build ## Measure how long the apps in examples/ take to start (COLDSTART="-out docs/examples.md")
	@go run ./test/coldstart $(COLDSTART) $(EXAMPLE)

BENCH ?=

.PHONY: bench
bench: build $(APP_TESTS)/installed ## Measure the adapter beside the reference, and the local cloud (BENCH=-quick for a minute)
	@go run ./test/bench $(BENCH)
	@go run ./test/bench -floor $(filter -quick,$(BENCH))
	@go run ./test/bench/cloud $(BIN)
	@$(MAKE) --no-print-directory bench-container

.PHONY: bench-container
bench-container: build ## Measure container mode's start and reload, on a stand-in base image where none can be fetched
	@LAMBDA_WEB_TEST_CONTAINER=1 go test -run '^$$' -bench . -benchtime 7x -timeout 20m ./test/container/

MINUTES ?= 30

.PHONY: soak
soak: build ## Run the local cloud under load, changes and kills for MINUTES (30)
	@go run ./test/soak -minutes $(MINUTES) $(if $(filter-out 0,$(SEED)),-seed $(SEED)) $(BIN)

# Environments on AWS. Each target checks first that its tools are there.
ON = --stack $(STACK)
# Options for tools that do not read the stack's settings themselves.
PROFILE = profile=$$(pulumi config get aws:profile $(ON) 2>/dev/null) || profile=

.PHONY: preview
preview: tools ## AWS: what "make up" would change in STACK
	@go run ./deploy/check $(ON) pulumi stack docker region credentials quota
	@pulumi preview $(ON) --diff

.PHONY: up
up: build ## AWS: deploy STACK
	@go run ./deploy/check $(ON) pulumi stack docker region credentials quota
	@pulumi up $(ON)
	@go run ./deploy/await -stack "$(STACK)"

KEEP ?= 3

.PHONY: prune
prune: tools ## AWS: delete versions of STACK's function that nothing points at, but for the KEEP (3) newest; YES=1 without asking
	@go run ./deploy/check $(ON) pulumi stack region credentials
	@go build -o $(BIN)/prune ./deploy/prune
	@exec $(BIN)/prune -stack "$(STACK)" -keep "$(KEEP)" $(if $(YES),-yes)

STEPS ?= 10,50,100
PAUSE ?= 5m
BACK  ?=
YES   ?=

.PHONY: rollout
rollout: build ## AWS: bring the newest version of STACK out in STEPS (10,50,100) watched for PAUSE (5m) each; BACK=1 takes it back
	@go run ./deploy/check $(ON) pulumi stack docker region credentials
	@go build -o $(BIN)/rollout ./deploy/rollout
	@exec $(BIN)/rollout $(subst --,-,$(ON)) -steps "$(STEPS)" -pause "$(PAUSE)" $(if $(BACK),-back) $(if $(YES),-yes)

.PHONY: drift
drift: tools ## AWS: whether STACK still is what the last "make up" made; fails if not
	@go run ./deploy/check $(ON) pulumi stack docker region credentials quota
	@pulumi refresh $(ON) --preview-only --expect-no-changes --diff --non-interactive

WHERE ?= aws

# The registry gives the image one more tag; nothing is pulled or pushed.
.PHONY: cache
cache: tools ## AWS: mark the image of STACK, so that the next build takes its layers (setting buildCache)
	@go run ./deploy/check $(ON) pulumi stack region credentials aws
	@$(PROFILE); image=$$(pulumi stack output imageDigest $(ON)) && name=$${image#*/} && name=$${name%@*} && \
	  ecr() { aws ecr "$$@" --repository-name "$$name" --region "$$(pulumi stack output region $(ON))" $${profile:+--profile "$$profile"}; } && \
	  tag=cache-$$([ "$$(pulumi stack output architecture $(ON))" = arm64 ] && echo arm64 || echo amd64) && \
	  manifest=$$(ecr batch-get-image --image-ids "imageDigest=$${image#*@}" --query 'images[0].imageManifest' --output text) && \
	  { ecr put-image --image-tag "$$tag" --image-manifest "$$manifest" >/dev/null 2>.lambda-web/cache.log || grep -q ImageAlreadyExistsException .lambda-web/cache.log || { cat .lambda-web/cache.log; exit 1; }; }

.PHONY: outputs
outputs: tools ## The URL, names and ARNs of STACK; WHERE=local: those of "make local"
ifeq ($(WHERE),local)
	@cat ".lambda-web/outputs/$(STACK)" 2>/dev/null || { echo "The stack $(STACK) has not run on this machine: make local STACK=$(STACK)"; exit 1; }
else
	@go run ./deploy/check $(ON) pulumi stack
	@pulumi stack output $(ON)
endif

.PHONY: logs
logs: tools ## AWS: follow the app's log in STACK
	@go run ./deploy/check $(ON) pulumi stack region credentials aws
	@$(PROFILE); aws logs tail "$$(pulumi stack output logGroup $(ON))" --region "$$(pulumi stack output region $(ON))" $${profile:+--profile "$$profile"} --follow --format short

.PHONY: invoke
invoke: tools ## AWS: call the app in STACK, signed: make invoke ARGS="-d '{}' /api/echo"
	@go run ./deploy/check $(ON) pulumi stack region credentials
	@go build -o $(BIN)/invoke ./invoke
	@$(PROFILE); url=$$(pulumi stack output url $(ON)) && $(BIN)/invoke $${profile:+-profile "$$profile"} -base "$$url" $(ARGS)

.PHONY: destroy
destroy: tools ## AWS: remove everything of STACK
	@go run ./deploy/check $(ON) pulumi stack docker region credentials
	@pulumi destroy $(ON)

PULUMI_VERSION := $(shell sed -n 's|^.*github.com/pulumi/pulumi/pkg/v3 \(v[^ ]*\).*$$|\1|p' tools/pulumi/go.mod)
PULUMI         := .lambda-web/pulumi/$(PULUMI_VERSION)/bin/pulumi

.PHONY: test-engine
test-engine: $(PULUMI) ## Run the Pulumi program under the real engine, without a cloud
	@LAMBDA_WEB_PULUMI="$(CURDIR)/$(PULUMI)" go test -count=1 -timeout 30m ./test/engine/...

$(PULUMI): | tools
	@echo "Building the Pulumi CLI $(PULUMI_VERSION) for the tests (once; it takes five minutes and more)"
	@cd tools/pulumi && go build -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)" -o ../../$@ github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

VERSION ?=

# An account is deployed to only if its stack is named for this very command.
VERIFY_STACK = $(if $(filter command,$(origin STACK)),$(STACK))
ENDPOINT ?=
ONLY     ?=
LONG     ?=
ENGINE   ?=
# With ENDPOINT: how the API there is configured, its region, the function behind it, and where Lambda's API is.
PHASE    ?=
REGION   ?=
LAMBDA   ?=

.PHONY: verify
verify: build ## Hold the contract against the local cloud, an account (STACK, an empty one), or what answers at ENDPOINT
	@$(if $(VERIFY_STACK),go run ./deploy/check --stack "$(VERIFY_STACK)" pulumi stack docker region credentials)
	@go build -o $(BIN)/verify ./test/verify
	@exec $(BIN)/verify -bin $(BIN) -mode $(patsubst auto,both,$(MODE)) $(if $(VERIFY_STACK),-stack "$(VERIFY_STACK)") $(if $(ENDPOINT),-endpoint "$(ENDPOINT)") $(if $(PHASE),-phase "$(PHASE)") $(if $(REGION),-region "$(REGION)") $(if $(FUNCTION),-function "$(FUNCTION)") $(if $(LAMBDA),-lambda "$(LAMBDA)") $(if $(value ONLY),-only '$(value ONLY)') $(if $(LONG),-slow) $(if $(ENGINE),-engine) $(if $(YES),-yes)

.PHONY: test-release
test-release: tools ## Build a release twice, compare the bytes, and push it to a registry of the test
	@go test -count=1 ./release

.PHONY: release
release: tools ## Check that the tree is ready for VERSION and tag it: make release VERSION=1.2.3
	@go run ./release check -version "$(VERSION)"
	@git tag -a "v$(VERSION)" -m "lambda-web $(VERSION)"
	@echo "Tagged v$(VERSION). To publish it: git push origin v$(VERSION)"
	@echo "The workflow release.yml then tests that commit, builds binaries, layers and the image, and makes the release."

.PHONY: lint
lint: tools ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "These files are not formatted; run gofmt -w on them:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@go vet ./...
	@go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

# The Pulumi program is left out: it is the SDK that takes minutes to compile, and Pulumi does so for every system.
MACOS := ./adapter ./dockerfile ./local ./local/build ./local/event ./deploy/check

.PHONY: cross
cross: tools ## Compile for macOS what runs on a developer's machine
	@GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build -o /dev/null $(MACOS)

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf .lambda-web

.PHONY: tools
tools:
	@command -v go >/dev/null 2>&1 || { echo "Go is missing: install Go 1.26 or newer (https://go.dev/dl/), then run the command again."; exit 1; }
	@command -v python3 >/dev/null 2>&1 || { echo "Python is missing: install Python 3.9 or newer with its venv module (on Debian: apt-get install python3-venv), then run the command again."; exit 1; }
