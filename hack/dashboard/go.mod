// The generator of the Grafana dashboard has a module of its own, so that the operator does not depend on its SDK.
module github.com/cloudsso/cloudsso-operator/hack/dashboard

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
