package pages

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// maxWhole is how many characters a word may have that no table breaks.
const maxWhole = 20

// words returns a text as HTML in which a long word may break after its punctuation, such as the @ of an address. So all other words stay
// whole in a table, whatever long word another cell has. It escapes the text itself, because a list calls it twice a row, and calling a
// template is slower.
func words(s string) template.HTML {
	var out strings.Builder
	for i, r := range runsOf(plugin.Printable(s)) {
		if i > 0 {
			out.WriteString("<wbr>")
		}
		text := template.HTMLEscapeString(r.Text)
		if r.IsLong {
			text = `<span class="long">` + text + "</span>"
		}
		out.WriteString(text)
	}
	return template.HTML(out.String()) //nolint:gosec // G203: each run is escaped
}

// run is a part of a text. A line may end after it, although no space is there.
type run struct {
	Text string
	// IsLong says that Text is more than maxWhole characters without punctuation, so a line may end within it too.
	IsLong bool
}

// runsOf cuts a text after the punctuation of its long words.
func runsOf(s string) (runs []run) {
	begin, at := 0, 0 // of what is not in runs yet, and of the next word
	add := func(isLong bool) {
		if begin < at {
			runs = append(runs, run{Text: s[begin:at], IsLong: isLong})
			begin = at
		}
	}
	for word := range strings.FieldsSeq(s) {
		at += strings.Index(s[at:], word)
		if !isLongWord(word) {
			at += len(word)
			continue
		}
		for _, part := range partsOf(word) {
			isLong := isLongWord(part)
			if isLong {
				add(false)
			}
			at += len(part)
			add(isLong)
		}
	}
	at = len(s)
	add(false)
	return runs
}

func isLongWord(word string) bool { return utf8.RuneCountInString(word) > maxWhole }

// partsOf cuts a word after its punctuation.
func partsOf(word string) (parts []string) {
	begin, isAfter := 0, false
	for i, r := range word {
		isPunctuation := r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r))
		if isAfter && !isPunctuation {
			parts = append(parts, word[begin:i])
			begin = i
		}
		isAfter = isPunctuation
	}
	return append(parts, word[begin:])
}
