package pages

import (
	"testing"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

func TestRoundOfAForm(t *testing.T) {
	d := round{Decision: v1alpha1.DecisionApply, Revision: "120", Last: "zoe", All: 600, Token: "t&k", Read: 500, Decided: 249, Left: 1}
	got, err := roundOf(d.Values())
	if err != nil || got != d {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, value := range map[string]string{"revision": "", "last": ""} {
		values := d.Values()
		values.Set(name, value)
		if _, err := roundOf(values); err == nil {
			t.Errorf("a form without %s is accepted", name)
		}
	}
	values := d.Values()
	values.Set("revision", "-1")
	if _, err := roundOf(values); err == nil {
		t.Error("a revision that no list has is accepted")
	}
}
