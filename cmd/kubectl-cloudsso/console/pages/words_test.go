package pages

import (
	"strings"
	"testing"
)

func TestLongWordsHavePlacesToBreak(t *testing.T) {
	long := strings.Repeat("W", maxWhole+1)
	for s, want := range map[string]string{
		"":                                        "",
		"SCIM Synchronization":                    "SCIM Synchronization",
		"bob@example.com":                         "bob@example.com",
		"alexandra.anders@example.com":            "alexandra.<wbr>anders@<wbr>example.<wbr>com",
		"to alexandra.anders@example.com, now":    "to alexandra.<wbr>anders@<wbr>example.<wbr>com,<wbr> now",
		"0f3c1a52-8f4e-4a51-9d0b-2f6a1c7be901":    "0f3c1a52-<wbr>8f4e-<wbr>4a51-<wbr>9d0b-<wbr>2f6a1c7be901",
		`<script>alert("alice")</script>`:         "&lt;<wbr>script&gt;<wbr>alert(&#34;<wbr>alice&#34;)&lt;/<wbr>script&gt;",
		"a " + long + " b":                        `a <wbr><span class="long">` + long + "</span><wbr> b",
		long + "@example.com":                     `<span class="long">` + long + "@</span><wbr>example.<wbr>com",
		strings.Repeat("-", maxWhole+1):           `<span class="long">` + strings.Repeat("-", maxWhole+1) + "</span>",
		strings.Repeat("é", maxWhole) + " \u202e": strings.Repeat("é", maxWhole) + " \ufffd",
	} {
		if got := string(words(s)); got != want {
			t.Errorf("%q is shown as %s", s, got)
		}
	}
}
