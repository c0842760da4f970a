package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
)

// metric is one line of a Prometheus exposition.
type metric struct {
	labels map[string]string
	value  float64
}

// labelPattern is one label of a metric; values of what is read here have no escapes.
var labelPattern = regexp.MustCompile(`(\w+)="([^"]*)"`)

// scrape reads the metrics of those names, by name.
func scrape(ctx context.Context, c *http.Client, url string, names ...string) (map[string][]metric, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return parseMetrics(response.Body, names)
}

func parseMetrics(r io.Reader, names []string) (map[string][]metric, error) {
	found := map[string][]metric{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		for _, name := range names {
			rest, ok := strings.CutPrefix(lines.Text(), name)
			if !ok || !strings.HasPrefix(rest, "{") && !strings.HasPrefix(rest, " ") {
				continue
			}
			m := metric{labels: map[string]string{}}
			for _, label := range labelPattern.FindAllStringSubmatch(rest, -1) {
				m.labels[label[1]] = label[2]
			}
			var err error
			if m.value, err = strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err != nil {
				return nil, fmt.Errorf("metric %s: %w", name, err)
			}
			found[name] = append(found[name], m)
		}
	}
	return found, lines.Err()
}

// writeCounts are requests that write, by resource and subresource.
type writeCounts map[string]float64

// leases are the leader's: their writes are about nothing that was asked for.
const leases = "leases"

// writes counts the writes that the API server has answered since its start, as it counts them itself.
func (s *stack) writes(ctx context.Context) (writeCounts, error) {
	config := s.ControlPlane.Admin()
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	const requests = "apiserver_request_total"
	found, err := scrape(ctx, c, strings.TrimSuffix(config.Host, "/")+"/metrics", requests)
	counts := writeCounts{}
	for _, m := range found[requests] {
		switch m.labels["verb"] {
		case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "APPLY", "DELETECOLLECTION":
		default:
			continue
		}
		resource := m.labels["resource"]
		if resource == leases {
			continue
		}
		if subresource := m.labels["subresource"]; subresource != "" {
			resource += "/" + subresource
		}
		counts[resource] += m.value
	}
	return counts, err
}
