package httpserver

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}

func TestClientAddress(t *testing.T) {
	const proxy = "10.0.0.1:4711"
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:4711", []string{"203.0.113.7"}, "192.0.2.1:4711"}, // not a trusted proxy
		{proxy, nil, proxy},
		{proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"[::ffff:10.0.0.1]:4711", []string{"203.0.113.7"}, "203.0.113.7"},
		{"[2001:db8:1::1]:4711", []string{"2001:db8:2::7"}, "2001:db8:2::7"},
		{proxy, []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"}, // the client has sent the first
		{proxy, []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
		{proxy, []string{"203.0.113.7, 10.1.2.3, 10.0.0.2"}, "203.0.113.7"},
		{proxy, []string{"203.0.113.7", "10.1.2.3"}, "203.0.113.7"},
		{proxy, []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{proxy, []string{"203.0.113.7:5555"}, "203.0.113.7"},
		{proxy, []string{"[2001:db8:2::7]:5555"}, "2001:db8:2::7"},
		{proxy, []string{"[2001:db8:2::7]"}, "2001:db8:2::7"},
		{proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		{proxy, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{proxy, []string{"garbage, 203.0.113.7"}, "203.0.113.7"}, // the client has sent the garbage
		{proxy, []string{"203.0.113.7, garbage"}, proxy},
		{proxy, []string{"203.0.113.7, garbage, 10.1.2.3"}, proxy},
		{proxy, []string{"203.0.113.7,"}, proxy},
		{proxy, []string{""}, proxy},
		{proxy, []string{"unknown"}, proxy},
		{"@", []string{"203.0.113.7"}, "@"},
	} {
		if got := clientAddress(c.peer, c.forwarded, proxies); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

// Over TLS, the handler sees the client's address if the proxy is trusted, and the proxy's otherwise.
func TestHandlerSeesTheClientBehindATrustedProxy(t *testing.T) {
	certificate := newCertificate(t, "sso.example.com")
	for _, c := range []struct {
		trusted []netip.Prefix
		want    string
	}{
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "203.0.113.7"},
		{proxies, "127.0.0.1:"},
		{nil, "127.0.0.1:"},
	} {
		server := start(t, Config{
			CertFile: certificate.certFile, KeyFile: certificate.keyFile, TrustedProxies: c.trusted,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) }),
		})
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: certificate.trusted(t)}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+server.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.7")
		request.Header.Set("Forwarded", "for=198.51.100.2")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		client.CloseIdleConnections()
		server.stop()
		if err != nil || !strings.HasPrefix(string(body), c.want) {
			t.Errorf("with the trusted proxies %v the handler sees %s, %v; want %s", c.trusted, body, err, c.want)
		}
	}
}
