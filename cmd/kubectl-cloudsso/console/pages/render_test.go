package pages

import (
	"bytes"
	"strings"
	"testing"
)

// The operator and the plugin write times of UTC into their sentences, and commands. A script shows each time in the person's zone.
func TestTimesAndCommandsInSentencesAreMarked(t *testing.T) {
	const time1, time2 = `<time datetime="2027-01-31T12:00:00Z" data-clock>2027-01-31T12:00:00Z</time>`, `<time datetime="2028-01-31T12:00:00Z" data-clock>2028-01-31T12:00:00Z</time>`
	for sentence, want := range map[string]string{
		"":                                "",
		"no time":                         "no time",
		"until 2027-01-31T12:00:00Z.":     "until " + time1 + ".",
		"2027-01-31T12:00:00Z":            time1,
		"2027-01-31T12:00:00Z <b> \u202e": time1 + " &lt;b&gt; \ufffd",
		"2027-01-31T12:00:00Z, 2028-01-31T12:00:00Z": time1 + ", " + time2,
		"2027-13-31T12:00:00Z":                       "2027-13-31T12:00:00Z",
		"x2027-01-31T12:00:00Zx":                     "x2027-<wbr>01-<wbr>31T12:<wbr>00:<wbr>00Zx",
		"2027-13-31T12:00:00Z 2027-01-31T12:00:00Z":  "2027-13-31T12:00:00Z " + time1,

		"Disabled; to switch it on: kubectl -n acme patch -p '{}'":                       "Disabled; to switch it on: <code>kubectl -n acme patch -p &#39;{}&#39;</code>",
		"since 2027-01-31T12:00:00Z: kubectl -n a x NAME; to do all: kubectl -n a y; to": "since " + time1 + ": <code>kubectl -n a x NAME</code>; to do all: <code>kubectl -n a y; to</code>",
		"log in with kubectl": "log in with kubectl",
	} {
		var out bytes.Buffer
		if err := templates["directory"].ExecuteTemplate(&out, "sentence", sentence); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("%q is shown as %s", sentence, got)
		}
	}
}
