.DEFAULT_GOAL := help
SHELL := /bin/sh

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile bin/handler for this machine
	CGO_ENABLED=0 go build -trimpath -o bin/handler ./handler

.PHONY: run
run: ## run the whole product here; ONCE=1 checks it and ends
	@go build -o bin/local ./handler/cmd/local
	@exec bin/local $(if $(ONCE),-once) $(if $(PORT),-port $(PORT))

.PHONY: test
test: ## run all tests, a package at a time: many start real programs, which share the machine
	@for tool in node chromium nginx python3 func bicep; do command -v $$tool >/dev/null || echo "make test: $$tool is not on PATH; what needs it is skipped"; done
	go test -race -shuffle=on -p 1 ./...
	go test -count=1 -run '^TestAllocations' ./handler/internal/...

.PHONY: lint
lint: ## check the Go code (golangci-lint on PATH)
	gofmt -l handler | awk '{print "not formatted: " $$0; bad = 1} END {exit bad}'
	go vet ./...
	golangci-lint run ./...

.PHONY: lint-infra
lint-infra: ## check templates, policies, scripts (bicep, xmllint, shellcheck, checkov on PATH)
	scripts/lint-infra.sh
	go test -count=1 ./handler/internal/infra

.PHONY: snapshots
snapshots: ## write what Azure would be asked to create, after a change that is meant
	scripts/snapshots.sh

.PHONY: cover
cover: ## print the coverage of each package
	go test -cover ./...

.PHONY: fuzz
fuzz: ## fuzz every parser, FUZZTIME each (default 30s)
	scripts/fuzz.sh $(or $(FUZZTIME),30s)

.PHONY: chaos
chaos: ## 5,000 calls while one backend of three misbehaves
	CHAOS=5000 go test -run TestChaos -count=1 -v ./handler

.PHONY: endurance
endurance: ## everything at once for MINUTES (default 2), and every request accounted for (Linux)
	@go build -o bin/endurance ./handler/cmd/endurance
	@exec bin/endurance -minutes $(or $(MINUTES),2)

.PHONY: bench
bench: ## measure beside nginx and the Functions host, write docs/benchmarks.md; QUICK=1: in a minute, prints only
	@go build -o bin/bench ./handler/cmd/bench
	@exec bin/bench $(if $(QUICK),-quick,-out docs)

.PHONY: package
package: ## write dist/app.zip, which is what Azure runs
	go run ./handler/cmd/pack

.PHONY: deploy
deploy: ## deploy with the Azure CLI: NAME=..., LOCATION=... (with azd: azd up)
	scripts/deploy.sh -name "$(NAME)" -location "$(or $(LOCATION),westeurope)"

.PHONY: picture
picture: ## take a picture of a status page: URL=http://127.0.0.1:7071/status FILE=docs/status.png
	scripts/picture.sh '$(URL)' '$(FILE)'

.PHONY: smoke
smoke: ## call what is deployed, or with URL=http://127.0.0.1:7071 the local stack
	scripts/smoke.sh $(if $(URL),-url $(URL)) $(if $(NAME),-name $(NAME))

.PHONY: teardown
teardown: ## delete what "make deploy" created: NAME=...
	scripts/teardown.sh -name "$(NAME)" -yes
