package plugin_test

import (
	"testing"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

func TestPlainCell(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "ada": "ada", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@A1": "'@A1", "\tx": "'\tx",
		"\n=1": "'\n=1", "\uFF1D1": "'\uFF1D1", "x;=1": "x;'=1", "x\t=1": "x\t'=1", "a;b": "a;b", "a-b": "a-b",
	} {
		if got := plugin.PlainCell(value); got != want {
			t.Errorf("%q becomes %q, want %q", value, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for value, want := range map[string]string{
		"Ädä 💚": "Ädä 💚", "a\x1b[2Jb": "a\uFFFD[2Jb", "a\nb": "a\uFFFDb", "a\u009bb": "a\uFFFDb",
		"a\u202egpj.exe": "a\uFFFDgpj.exe", "\u2066a\u2069": "\uFFFDa\uFFFD", "\u05d0\u200f1": "\u05d0\u200f1",
	} {
		if got := plugin.Printable(value); got != want {
			t.Errorf("%q becomes %q, want %q", value, got, want)
		}
	}
}
