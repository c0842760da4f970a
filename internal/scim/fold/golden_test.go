package fold_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

const golden = "testdata/fold.golden"

var update = flag.Bool("update", false, "write "+golden+" from the present fold")

// The metadata.name of a CloudSSONameClaim is a hash of a folded name, so a name that folds to something else loses its
// claim. The golden table holds what each character folds to.
func TestFoldIsThatOfStoredClaims(t *testing.T) {
	got := foldTable()
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	n := 0
	for n < min(len(gotLines), len(wantLines))-1 && bytes.Equal(gotLines[n], wantLines[n]) {
		n++
	}
	t.Errorf(`%s:%d: the fold of names has changed: %q, and was %q.
CloudSSONameClaims that are stored have names that are computed from the old one. A changed fold needs
  1. another foldVersion in internal/nameclaim/name.go,
  2. a migration that acquires a claim of that version for each user and group before it is used,
  3. a new table: go test ./internal/scim/fold -run TestFoldIsThatOfStoredClaims -update`, golden, n+1, gotLines[n], wantLines[n])
}

// foldTable returns each character that does not fold to itself with what it folds to, in code points, and a hash of
// what characters with accents fold to.
func foldTable() []byte {
	var table bytes.Buffer
	accented := sha256.New()
	fmt.Fprintf(&table, "# fold.Name of each character that it changes.\n# Unicode: normalization %s, case folding %s\n", norm.Version, cases.UnicodeVersion)
	for r := range unicode.MaxRune + 1 {
		if !utf8.ValidRune(r) {
			continue
		}
		if folded := fold.Name(string(r)); folded != string(r) {
			fmt.Fprintf(&table, "%04X", r)
			for _, c := range folded {
				fmt.Fprintf(&table, " %04X", c)
			}
			table.WriteByte('\n')
		}
		if unicode.SimpleFold(r) != r || !norm.NFKD.IsNormalString(string(r)) || unicode.Is(unicode.M, r) {
			fmt.Fprintln(accented, fold.Name("a"+string(r)+"\u0301\u0345"))
		}
	}
	fmt.Fprintf(&table, "# With accents: %x\n", accented.Sum(nil))
	return table.Bytes()
}
