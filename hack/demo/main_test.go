package main

import "testing"

func TestACommandCanBePasted(t *testing.T) {
	for arg, want := range map[string]string{
		"--for=jsonpath={.status.members}=1": "'--for=jsonpath={.status.members}=1'",
		"cloudssouser/alice":                 "cloudssouser/alice",
		"it's":                               `'it'\''s'`,
		"":                                   "''",
	} {
		if got := shellJoin([]string{"get", arg}); got != "get "+want {
			t.Errorf("shellJoin of %q is %q, want %q", arg, got, "get "+want)
		}
	}
}
