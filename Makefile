# Every target works with Go, make, git and a C compiler. hack/tools/go.mod pins heavy tools;
# hack/controlplane/assets.sh provides a real control plane.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The image that docker-build makes and deploy runs.
IMG ?= cloudsso-operator:latest
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
CONTAINER_TOOL ?= docker
# What a release is built for. The image is made for those of linux.
PLATFORMS ?= linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64
# Where the files of a release can be downloaded. The manifest for krew names it.
RELEASE_URL ?= https://github.com/cloudsso/cloudsso-operator/releases/download/$(VERSION)

CONTROLLER_GEN := go tool controller-gen
TOOL := go tool -modfile='$(CURDIR)/hack/tools/go.mod'
GOLANGCI_LINT := $(TOOL) golangci-lint
KUSTOMIZE := $(TOOL) kustomize
ASSETS := hack/controlplane/assets.sh
# kubectl to install and deploy with: the one in PATH, or else that of the control plane.
KUBECTL ?= $$(command -v kubectl || echo "$$($(ASSETS))/kubectl")

# The files that generate, manifests, docs and chart write. verify fails if they are stale.
GENERATED := api/*/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml docs/dialects.md docs/plugin docs/reference config/prometheus/rules/prometheusrule.yaml config/prometheus/dashboard charts/cloudsso-operator/templates/generated
# Packages without I/O: no control plane needed.
UNIT_PACKAGES := ./api/... ./internal/scim/... ./internal/policy/... ./internal/auth/... ./internal/audit/... ./internal/scimauth/... ./internal/httpserver/... ./test/deps/... ./test/dialects/conversation/... ./hack/prometheusrule/... ./hack/prose/... ./hack/token/... ./hack/chart/... ./hack/crdcompat/... ./test/docs/...
# How many suites run at a time. Each suite that needs an API server starts its own, so two cores run two.
TEST_PARALLEL ?= 2
TEST_TIMEOUT ?= 30m
# More arguments for go test, e.g. make test TEST_ARGS='-run TestOkta -v' TEST_PACKAGES=./test/...
TEST_ARGS ?=
TEST_PACKAGES ?= $(LONG_PACKAGES) ./...
# The suites that take longest, first, because otherwise one of them runs alone in the end.
LONG_PACKAGES := ./internal/store ./test/admission ./test/uninstall ./test/restore ./test/chaos ./test/quickstart ./test/deletion

##@ General

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN { FS = ":.*##"; print "Usage: make <target>" } \
	  /^[a-z0-9-]+:.*##/ { printf "  %-14s%s\n", $$1, $$2 } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) }' $(MAKEFILE_LIST)

##@ Try it

# Built and then exec'd instead of go run, because a SIGTERM to make must reach the program itself.
.PHONY: run
run: ## Start a control plane, the operator, a directory and a credential; Ctrl-C stops all (KEEP=1, SCIM_PORT=, SCIM_TLS=off).
	@assets=$$($(ASSETS)); echo "compiling hack/run (minutes the first time, seconds later)" >&2; go build -o bin/run ./hack/run; KUBEBUILDER_ASSETS=$$assets exec bin/run

.PHONY: demo
demo: ## Send the requests of an identity provider's day to a running make run, or to an operator of its own.
	@assets=$$($(ASSETS)); echo "compiling hack/demo" >&2; go build -o bin/demo ./hack/demo; KUBEBUILDER_ASSETS=$$assets exec bin/demo

.PHONY: controlplane
controlplane: ## Prepare etcd, kube-apiserver, kubectl and kube-controller-manager; print their folder.
	@$(ASSETS) --with kube-controller-manager

.PHONY: kubectl
kubectl: ## Print the path of a kubectl of the control plane's version.
	@echo "$$($(ASSETS))/kubectl"

##@ Develop

.PHONY: generate
generate: ## Write the DeepCopy methods of the API types.
	$(CONTROLLER_GEN) object paths=./api/...

.PHONY: manifests
manifests: ## Write the CRDs and the manager's role from the markers in the sources, and the PrometheusRule and the dashboard from theirs.
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=cloudsso-operator 'paths=./controllers/...;./internal/...;./cmd/...' output:rbac:artifacts:config=config/rbac
	go run ./hack/prometheusrule
	cd hack/dashboard && go run . > ../../config/prometheus/dashboard/cloudsso-operator.json

.PHONY: docs
docs: ## Write the table of identity providers' dialects from the recorded conversations, the pages of the plugin, and types and bounds of fields in docs/reference from the CRDs.
	go run ./hack/dialects
	go run ./hack/plugindocs
	go run ./hack/fieldtables

# Builds config/default with names in place of what a release decides: hack/chart/release.go has them.
.PHONY: chart
chart: ## Write the CRDs, roles, policies, alerts and dashboard of the Helm chart from config.
	@rm -rf bin/chart && mkdir -p bin && cp -r config bin/chart
	@sed -i.bak -e 's/^namespace: .*/namespace: zz-namespace/' -e 's/^# namePrefix:.*/namePrefix: zz-prefix-/' \
	  -e 's/^# \(- ..\/flow-control\|components:\|- ..\/prometheus\/rules\|- ..\/prometheus\/dashboard\|patches:\|- path: shards\|  target:\)/\1/' -e 's/^\(    app.kubernetes.io\/instance:\).*/\1 zz-instance/' bin/chart/default/kustomization.yaml
	@sed -i.bak -e 's/^  value: .*/  value: zz-shards/' bin/chart/default/shards.yaml
	@$(KUSTOMIZE) build bin/chart/default | go run ./hack/chart && rm -rf bin/chart

.PHONY: fmt
fmt: ## Format all sources.
	$(GOLANGCI_LINT) fmt

.PHONY: vet
vet: ## Run go vet.
	go vet -tags accessibility,console,install,monitoring ./...
	cd hack/release && go vet ./...

.PHONY: lint
lint: ## Run the linters, including the import rules.
	$(GOLANGCI_LINT) run
	cd hack/release && go tool -modfile=../tools/go.mod golangci-lint run

##@ Test

.PHONY: test-unit
test-unit: ## Test the packages that need no control plane, in seconds.
	go test -race $(UNIT_PACKAGES) $(TEST_ARGS)

# TEST_PROGRAMS is where the suites share the programs that they build. At the end of each program the race detector would wait a
# second for races that are found later: of a hundred programs.
.PHONY: test
test: ## Test everything, with the race detector, against a real control plane.
	@assets=$$($(ASSETS) --with kube-controller-manager); \
	set -x; KUBEBUILDER_ASSETS=$$assets TEST_PROGRAMS="$(CURDIR)/bin/test" GORACE=atexit_sleep_ms=0 go test -race -count=1 -p $(TEST_PARALLEL) -timeout $(TEST_TIMEOUT) $(TEST_PACKAGES) $(TEST_ARGS)

.PHONY: test-monitoring
test-monitoring: ## Test alerts and dashboard with a real Prometheus (Debian's package) that scrapes the operator.
	@assets=$$($(ASSETS)); prometheus=$$(hack/prometheus.sh); \
	set -x; KUBEBUILDER_ASSETS=$$assets PROMETHEUS_ASSETS=$$prometheus go test -count=1 -tags monitoring -timeout $(TEST_TIMEOUT) ./test/monitoring $(TEST_ARGS)

.PHONY: test-install
test-install: ## Install the chart with helm on a control plane with nodes (the first run builds helm and kwok: ten minutes).
	@assets=$$($(ASSETS) --with kube-controller-manager --with kube-scheduler); tools=$$(hack/installtools/assets.sh); bwrap=$$(hack/bubblewrap.sh); crds=$$(hack/foreigncrds/assets.sh); \
	set -x; KUBEBUILDER_ASSETS=$$assets INSTALL_TOOLS=$$tools BWRAP=$$bwrap FOREIGN_CRDS="$$crds" go test -count=1 -tags install -timeout $(TEST_TIMEOUT) ./test/install $(TEST_ARGS)

.PHONY: test-console
test-console: ## Test the console in a real browser (the first run installs Debian's chromium, half a minute, if there is none).
	@assets=$$($(ASSETS)); chromium=$$(hack/chromium.sh); \
	set -x; KUBEBUILDER_ASSETS=$$assets CHROMIUM=$$chromium go test -count=1 -tags console -timeout $(TEST_TIMEOUT) ./test/console $(TEST_ARGS)

.PHONY: test-accessibility
test-accessibility: ## Have axe (npm) look at the pages of the console, light and dark, narrow and wide.
	@assets=$$($(ASSETS)); chromium=$$(hack/chromium.sh); axe=$$(hack/npm.sh test/console/axe axe-core/axe.min.js); \
	set -x; KUBEBUILDER_ASSETS=$$assets CHROMIUM=$$chromium AXE=$$axe go test -count=1 -tags console,accessibility -timeout $(TEST_TIMEOUT) ./test/console -ginkgo.label-filter=accessibility $(TEST_ARGS)

.PHONY: test-release
test-release: ## Test the image and the release: twice the same bytes, from two folders.
	cd hack/release && go test -count=1 -timeout $(TEST_TIMEOUT) ./... $(TEST_ARGS)

.PHONY: test-names
test-names: ## Search every interleaving of three operations on names, about a minute of processor time; make test does a hundredth.
	go test -count=1 -timeout $(TEST_TIMEOUT) -v -run '^(TestEveryAcknowledgedUserHoldsItsName|TestEachRuleIsNeeded)$$' ./internal/nameclaim

.PHONY: fuzz
fuzz: ## Fuzz the parsers, FUZZTIME (10m) each.
	@for package in $$(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -r -n 1 dirname | sort -u); do \
	  for target in $$(grep -rhoE '^func Fuzz[A-Za-z]+' $$package/*_test.go | cut -c 6-); do \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),10m) -fuzzminimizetime 1s ./$$package; \
	  done; \
	done

# More settings: CHAOS_SEED=, CHAOS_REPLICAS=, CHAOS_FAULTS=regexp, and CHAOS_DIR= for its logs and histories.
.PHONY: chaos
chaos: ## Break everything under three replicas while clients write, and check their histories (CHAOS_DURATION=10m).
	@assets=$$($(ASSETS) --with kube-controller-manager); \
	KUBEBUILDER_ASSETS=$$assets CHAOS_DURATION=$(or $(CHAOS_DURATION),10m) go test -count=1 -timeout 0 -v -run '^TestChaos$$' ./test/chaos

# Built and then exec'd, like run.
BENCH_USERS ?= 100000
BENCH_ROUNDS ?= 5
BENCH_FIGURES ?= .
.PHONY: bench
bench: ## Measure speed and memory against a raw API server and a bare handler (BENCH_USERS=10000 BENCH_ROUNDS=3 BENCH_FIGURES=regexp BENCH_ARGS=).
	@assets=$$($(ASSETS)); go build -o bin/bench ./test/bench; \
	KUBEBUILDER_ASSETS=$$assets exec bin/bench -users $(BENCH_USERS) -rounds $(BENCH_ROUNDS) -figures '$(BENCH_FIGURES)' $(BENCH_ARGS)

CONSOLE_USERS ?= 100000
.PHONY: bench-console
bench-console: ## Measure the console's search in a large directory; its limits hold from 100,000 users on (CONSOLE_USERS=100000).
	@assets=$$($(ASSETS)); \
	KUBEBUILDER_ASSETS=$$assets CONSOLE_USERS=$(CONSOLE_USERS) go test -count=1 -timeout 0 -v ./cmd/kubectl-cloudsso -ginkgo.v -ginkgo.focus 'the search of the console' $(TEST_ARGS)

.PHONY: bench-go
bench-go: ## Run the Go benchmarks of the hot paths (BENCH=regexp for some).
	@packages=$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -r -n 1 dirname | sort -u); \
	[[ -n $$packages ]] || { echo "no package has benchmarks" >&2; exit 1; }; \
	assets=$$($(ASSETS)); \
	KUBEBUILDER_ASSETS=$$assets go test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem -p 1 -timeout $(TEST_TIMEOUT) $$packages $(TEST_ARGS)

OLD ?= HEAD
.PHONY: bench-compare
bench-compare: ## Compare the Go benchmarks of two revisions (OLD=HEAD NEW=, by default what is in the working tree; BENCH=regexp COUNT=6).
	@COUNT='$(or $(COUNT),6)' BENCH='$(or $(BENCH),.)' test/bench/compare.sh '$(OLD)' '$(NEW)'

.PHONY: verify
verify: verify-generated verify-modules verify-manifests verify-crds verify-prose lint-markdown verify-vulnerabilities vet lint test-names ## Check generated files, modules, manifests, CRDs against the last release, words, form of documents and known vulnerabilities; run vet, lint and the search of name claims.

.PHONY: verify-generated
verify-generated: generate manifests docs chart
	@stale=$$(git status --porcelain -- $(GENERATED) | cut -c 4-); \
	[[ -z $$stale ]] || { printf 'These files are generated and differ from what is committed:\n%s\nRun "make generate manifests docs chart" and commit the result.\n' "$$stale" >&2; exit 1; }

.PHONY: verify-crds
verify-crds: ## Compare the CRDs with those of the last release, and refuse an incompatible change.
	go run ./hack/crdcompat

# The kept objects stay. test/upgrade names the fields that they do not have yet.
.PHONY: keep-crds
keep-crds: ## Keep the CRDs of the release VERSION in test/upgrade/testdata: verify-crds compares later ones with them.
	@[[ '$(VERSION)' =~ ^v[0-9]+\.[0-9]+\.[0-9]+$$ ]] || { echo "VERSION is '$(VERSION)', but must be that of a release, such as v1.2.3" >&2; exit 1; }
	@cd test/upgrade/testdata && { [[ -d '$(VERSION)' ]] || mv v* '$(VERSION)'; }
	@rm -rf test/upgrade/testdata/$(VERSION)/{crds,accepted.yaml} && mkdir test/upgrade/testdata/$(VERSION)/crds
	@if git rev-parse -q --verify 'refs/tags/$(VERSION)' >/dev/null; then source='$(VERSION)'; else echo "there is no tag $(VERSION): keeping the CRDs of HEAD" >&2; source=HEAD; fi; \
	git archive "$$source" config/crd/bases | tar -x --strip-components=3 -C test/upgrade/testdata/$(VERSION)/crds

.PHONY: verify-prose
verify-prose: ## Check the words of comments and documents (.prose-words.txt) and the form of doc comments.
	go run ./hack/prose

.PHONY: docs-check
docs-check: ## Check links, form and words of the documents, and that each block of commands says whether a test runs it.
	go test -count=1 ./test/docs/...
	go run ./hack/prose
	@$(MAKE) --no-print-directory lint-markdown

.PHONY: lint-markdown
lint-markdown: ## Check the form of the documents with markdownlint (npm); skipped with a message if there is no npm.
	@lint=$$(hack/npm.sh test/docs/markdownlint .bin/markdownlint-cli2) || { status=$$?; [[ $$status == 3 ]] && echo "lint-markdown: SKIPPED" >&2 && exit 0; exit $$status; }; \
	$$lint

.PHONY: verify-vulnerabilities
verify-vulnerabilities: ## Look for known vulnerabilities that the manager calls; skipped with a message if the database cannot be reached.
	@hack/vulnerabilities.sh

.PHONY: verify-modules
verify-modules:
	@for module in . hack/tools hack/controlplane hack/dashboard hack/foreigncrds hack/installtools hack/release; do \
	  (cd $$module && go mod tidy -diff) || { echo "$$module/go.mod or go.sum is not tidy: run \"go mod tidy\" in $$module and commit the result" >&2; exit 1; }; \
	done
	go mod verify

# Builds the manifests of deploy in another namespace and with a prefix, because no manifest may keep the default ones.
.PHONY: verify-manifests
verify-manifests:
	@rm -rf bin/elsewhere && mkdir -p bin && cp -r config bin/elsewhere && rm bin/elsewhere/policy/*.go
	@sed -i.bak -e 's/^namespace: .*/namespace: elsewhere/' -e 's/^# namePrefix:.*/namePrefix: acme-/' bin/elsewhere/default/kustomization.yaml
	@$(KUSTOMIZE) build bin/elsewhere/default > bin/elsewhere.yaml
	@if grep -n 'cloudsso-system' bin/elsewhere.yaml; then echo "config/default keeps these when its namespace is changed" >&2; exit 1; fi
	@[[ $$(grep -c "'elsewhere'.*'acme-cloudsso-operator'" bin/elsewhere.yaml) -eq $$(cat config/policy/*.yaml | grep -c '^  - name: operator$$') ]] || { echo "config/default/operator.yaml does not name the operator in all policies" >&2; exit 1; }
	@sed -i.bak -e 's/^# \(- ..\/flow-control\|components:\|- ..\/access\|- ..\/single-namespace\)/\1/' -e 's/^# \(patches:\|- path: shards\|  target:\)/\1/' bin/elsewhere/default/kustomization.yaml
	@$(KUSTOMIZE) build bin/elsewhere/default > bin/elsewhere.yaml
	@if grep -n 'cloudsso-system' bin/elsewhere.yaml; then echo "config/flow-control, config/access and config/single-namespace keep these when its namespace is changed" >&2; exit 1; fi
	@[[ $$(grep -c -- '- --access$$' bin/elsewhere.yaml) -eq 1 && $$(grep -cE '^ +name: acme-cloudsso-(remove-bindings|operator-access|access-assignments)$$' bin/elsewhere.yaml) -eq 6 ]] || { echo "config/access is not as it should be in another namespace and with a prefix" >&2; exit 1; }
	@[[ $$(grep -c 'image: cloudsso-operator:latest' bin/elsewhere.yaml) -eq 2 ]] || { echo "config/access does not give its Job the image of the operator" >&2; exit 1; }
	@[[ $$(grep -c "'system:serviceaccount:cloudsso-south:cloudsso-operator'" bin/elsewhere.yaml) -eq $$(cat config/policy/*.yaml | grep -c '^  - name: operator$$') ]] || { echo "config/default/shards.yaml does not name the shards in all policies" >&2; exit 1; }
	@$(KUSTOMIZE) build bin/elsewhere/shard > bin/elsewhere.yaml
	@if grep -nE 'cloudsso-system|elsewhere|^kind: (ClusterRole|CustomResourceDefinition|ValidatingAdmissionPolicy|ValidatingAdmissionPolicyBinding)$$' bin/elsewhere.yaml; then echo "config/shard has these, which belong to config/default" >&2; exit 1; fi
	@[[ $$(grep -cE '^kind: ClusterRoleBinding$$|^  name: acme-cloudsso-operator-cluster-reader$$' bin/elsewhere.yaml) -eq 2 ]] || { echo "config/shard needs one ClusterRoleBinding, to the cloudsso-operator-cluster-reader of config/default" >&2; exit 1; }
	@[[ $$(grep -cE '^  name: acme-cloudsso-operator$$' bin/elsewhere.yaml) -eq $$(grep -c 'kind: RoleBinding' config/shard/bindings/named/bindings.yaml) ]] || { echo "config/shard does not bind the ClusterRole cloudsso-operator of config/default in its namespaces" >&2; exit 1; }
	@[[ $$(grep -cE '^( +priorityClassN|  n)ame: cloudsso-operator-south$$' bin/elsewhere.yaml) -eq 2 ]] || { echo "config/shard needs a PriorityClass of its own" >&2; exit 1; }
	@$(KUSTOMIZE) build bin/elsewhere/undeploy > bin/elsewhere.yaml
	@if grep -nE '^kind: (CustomResourceDefinition|Namespace)$$' bin/elsewhere.yaml; then echo "config/undeploy must not delete these" >&2; exit 1; fi
	@grep -q 'namespace: elsewhere' bin/elsewhere.yaml || { echo "config/undeploy does not follow config/default" >&2; exit 1; }

##@ Build and deploy

.PHONY: build
build: ## Build bin/manager.
	CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/manager ./cmd/manager

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) -t $(IMG) .

.PHONY: image
image: ## Write the image as an OCI layout into dist/image, without a container engine, and print its digest (PLATFORMS=linux/amd64).
	@cd hack/release && go run . -version '$(VERSION)' -platforms '$(PLATFORMS)' -layout ../../dist/image

# The chart and the binaries are made of the files of the working tree.
.PHONY: release-tree
release-tree:
	@[[ -z "$$(git status --porcelain --untracked-files=all)" ]] || { echo "the working tree has changes, or files that are not committed, which would get into the release: commit or remove them" >&2; exit 1; }

.PHONY: release
release: IMG := $(if $(filter file,$(origin IMG)),cloudsso-operator:$(VERSION),$(IMG))
release: release-tree build-installer ## Write the release of the tag that is checked out into dist/release, and print its checksums (IMG=registry/name:tag).
	@cd hack/release && go run . -version '$(VERSION)' -platforms '$(PLATFORMS)' -image '$(IMG)' -install ../../dist/install.yaml -url '$(RELEASE_URL)' -out ../../dist/release
	@cd hack/release && go tool validate-krew-manifest -manifest ../../dist/release/cloudsso.yaml -skip-install

.PHONY: install
install: ## Apply the CRDs to the cluster of the current kubeconfig.
	$(KUSTOMIZE) build config/crd | $(KUBECTL) apply --server-side -f -

.PHONY: uninstall
uninstall: ## Delete the CRDs of that cluster; refused while any object of theirs exists, except name claims.
	$(KUSTOMIZE) build config/crd | KUBECTL="$(KUBECTL)" hack/uninstall.sh

# Fields that another tool has set are taken back, such as replicas after kubectl scale.
.PHONY: deploy
deploy: overlay ## Run the image IMG in that cluster.
	$(KUSTOMIZE) build bin/deploy | $(KUBECTL) apply --server-side --force-conflicts -f -

.PHONY: build-installer
build-installer: overlay ## Write all manifests, with the image IMG, into dist/install.yaml.
	@mkdir -p dist
	$(KUSTOMIZE) build bin/deploy > dist/install.yaml

.PHONY: undeploy
undeploy: ## Delete the operator from that cluster and take back assigned access; the CRDs, all objects and the namespace stay.
	$(KUSTOMIZE) build config/undeploy | KUBECTL="$(KUBECTL)" hack/remove-bindings.sh
	$(KUSTOMIZE) build config/undeploy | $(KUBECTL) delete --ignore-not-found -f -

# Sets the image in an overlay, so that the tracked manifests stay unchanged.
.PHONY: overlay
overlay:
	@mkdir -p bin/deploy
	@printf 'resources:\n- ../../config/default\n' > bin/deploy/kustomization.yaml
	@cd bin/deploy && $(KUSTOMIZE) edit set image cloudsso-operator=$(IMG)

.PHONY: clean
clean: ## Remove bin, dist and .run (the control plane stays in the user's cache).
	rm -rf bin dist .run coverage.*
