package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// scanners is how many clients at a time filter a directory by an attribute without an index.
	scanners = 20
	// scannersBound is how much slower the requests of another directory may be meanwhile.
	scannersBound = 1.5
	// bystanders is how many users the other directory has.
	bystanders = 10
)

// scannersMeasurement measures the requests of a small directory while clients of a large one have the operator look at all its
// users.
func scannersMeasurement() measurement {
	return measurement{
		name:  "scanners",
		needs: []size{large},
		rows: []row{
			{figure: fmt.Sprintf("GET by id p50 in another directory, while %d clients filter "+largeUsers+" users without an index ÷ without them", scanners), target: atMost(scannersBound)},
			{figure: "… PATCH active", target: atMost(scannersBound)},
		},
		before: func(ctx context.Context, b *bench) error { return b.stacks[large].seedDirectories(ctx, 1, bystanders) },
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[large]
			other := s.directories[0]
			scanning, err := load.NewClient(load.Options{BaseURL: s.BaseURL, Token: s.Token, CAFile: s.CAFile, Connections: scanners})
			if err != nil {
				return nil, err
			}
			defer scanning.Close()
			var samples []float64
			for _, one := range []struct {
				name      string
				operation load.Operation
			}{{"GET", other.getAnyUser}, {"PATCH", other.patchAnyUser}} {
				values, err := b.measureInTurns(ctx, round,
					b.medianLatency(one.name+" alone", one.operation),
					s.while(scanners, scan(scanning), b.medianLatency(one.name+" beside scans", one.operation)))
				if err != nil {
					return nil, err
				}
				samples = append(samples, values[1]/values[0])
			}
			return oneSampleEach(samples...), nil
		},
	}
}

// scan filters all users by an attribute without an index.
func scan(c *load.Client) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		_, err := c.Do(ctx, http.MethodGet, load.Filter(`emails.value co "nowhere"`), "")
		return err
	}
}

// patchAnyUser sets active of a user to what it is not.
func (d *directory) patchAnyUser(ctx context.Context, _, n int) error {
	_, err := d.scim.Do(ctx, http.MethodPatch, "/Users/"+d.seeded[n%len(d.seeded)], load.SetActive(n/len(d.seeded)%2 == 1))
	return err
}
