// Command cmd puts load on a SCIM service and prints the throughput and latencies:
//
//	go run ./test/load/cmd -base-url https://127.0.0.1:8443/scim/v2 -token $TOKEN -ca tls.crt -workers 16 -for 10s
//
// It creates users, changes them, and deletes them at the end. It ends by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// maxFor is the longest permitted run.
	maxFor = 10 * time.Minute
	// maxWorkers is more than any provider uses.
	maxWorkers = 256
)

type options struct {
	load.Options
	plan   load.Plan
	mix    string
	users  int
	keep   bool
	remote bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1) //nolint:gocritic // run has stopped everything
	}
}

func parse() (o options) {
	flag.StringVar(&o.BaseURL, "base-url", os.Getenv("SCIM_BASE_URL"), "base URL of the service ($SCIM_BASE_URL)")
	flag.StringVar(&o.Token, "token", os.Getenv("SCIM_TOKEN"), "bearer token ($SCIM_TOKEN)")
	flag.StringVar(&o.CAFile, "ca", os.Getenv("SCIM_CA_FILE"), "file of the certificates to trust; by default the system's ($SCIM_CA_FILE)")
	flag.BoolVar(&o.HTTP2, "http2", false, "one HTTP/2 connection for all; by default HTTP/1.1, one kept-alive connection for each worker")
	flag.IntVar(&o.plan.Workers, "workers", 1, "requests in flight")
	flag.DurationVar(&o.plan.For, "for", 10*time.Second, "how long; the first tenth is not counted")
	flag.IntVar(&o.plan.Count, "count", 0, "how many operations at most; 0 is as many as there is time for")
	flag.StringVar(&o.mix, "mix", "create=1,get=4,find=3,deactivate=1,rename=1", "operations and their weights: create, get, find, missing, deactivate, rename, list")
	flag.IntVar(&o.users, "users", 100, "users to create first, for the operations to work on")
	flag.BoolVar(&o.keep, "keep", false, "leave the users there")
	flag.BoolVar(&o.remote, "remote", false, "allow a service that is not on this machine")
	flag.Parse()
	return o
}

func (o *options) validate() error {
	u, err := url.Parse(o.BaseURL)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("-base-url %q is no absolute URL", o.BaseURL)
	case !o.remote && !isLoopback(u.Hostname()):
		return fmt.Errorf("%s is not this machine: give -remote if you may load it", u.Hostname())
	case o.plan.Workers < 1 || o.plan.Workers > maxWorkers:
		return fmt.Errorf("-workers is from 1 to %d", maxWorkers)
	case o.plan.For <= 0 || o.plan.For > maxFor:
		return fmt.Errorf("-for is at most %s", maxFor)
	case o.users < 1:
		return errors.New("-users is at least 1")
	}
	o.plan.WarmUp, o.Connections = o.plan.For/10, o.plan.Workers
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func run(ctx context.Context, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	weights, err := parseMix(o.mix)
	if err != nil {
		return err
	}
	client, err := load.NewClient(o.Options)
	if err != nil {
		return err
	}
	defer client.Close()
	m := &mixture{client: client, tag: time.Now().UTC().Format("150405"), weights: weights, latencies: map[string]load.Samples{}}
	if !o.keep {
		defer m.cleanUp(context.WithoutCancel(ctx), o.plan.Workers)
	}
	if err := m.prepare(ctx, o.users, o.plan.Workers); err != nil {
		return err
	}
	result := load.Run(ctx, o.plan, m.operate)
	m.print(os.Stdout, result)
	if result.Errors > 0 {
		return fmt.Errorf("%d operations failed, such as:\n%w", result.Errors, result.Err)
	}
	return nil
}
