package access_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// bindings are a View.
type bindings map[int][]string

func (b bindings) Numbers() []int               { return slices.Sorted(maps.Keys(b)) }
func (b bindings) Subjects(number int) []string { return b[number] }

func (b bindings) Holding(name string) (numbers []int) {
	for _, number := range b.Numbers() {
		if slices.Contains(b[number], name) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// apply carries out a plan.
func (b bindings) apply(plan map[int][]string) {
	for number, subjects := range plan {
		if len(subjects) == 0 {
			delete(b, number)
		} else {
			b[number] = subjects
		}
	}
}

func numbered(from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("user%03d", i))
	}
	return names
}

func TestPlan(t *testing.T) {
	full := numbered(0, access.MaxSubjects)
	for _, test := range []struct {
		name     string
		before   bindings
		wanted   map[string]bool
		complete bool
		want     map[int][]string
	}{
		{"nothing to do", bindings{0: {"ada"}}, map[string]bool{"ada": true}, true, map[int][]string{}},
		{"the first", bindings{}, map[string]bool{"ada": true}, false, map[int][]string{0: {"ada"}}},
		{"one more", bindings{0: {"ada"}}, map[string]bool{"bob": true}, false, map[int][]string{0: {"ada", "bob"}}},
		{"one less", bindings{0: {"ada", "bob"}}, map[string]bool{"bob": false}, false, map[int][]string{0: {"ada"}}},
		{"the last", bindings{0: {"ada"}}, map[string]bool{"ada": false}, false, map[int][]string{0: nil}},
		{"one that is nowhere", bindings{0: {"ada"}}, map[string]bool{"bob": false}, false, map[int][]string{}},
		{"another in its place", bindings{0: {"ada"}}, map[string]bool{"ada": false, "bob": true}, false, map[int][]string{0: {"bob"}}},
		{"a full binding", bindings{3: full}, map[string]bool{"zoe": true}, false, map[int][]string{4: {"zoe"}}},
		{"one that nothing wants", bindings{0: {"eve", "ada"}}, map[string]bool{"ada": true}, true, map[int][]string{0: {"ada"}}},
		{"one that is twice in a binding", bindings{0: {"ada", "ada"}}, map[string]bool{"ada": true}, true, map[int][]string{0: {"ada"}}},
		{"one that is in two bindings", bindings{0: {"ada"}, 1: {"ada", "bob"}}, map[string]bool{"ada": true}, false, map[int][]string{1: {"bob"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := access.Plan(test.before, test.wanted, test.complete)
			for number, subjects := range got {
				if len(subjects) == 0 {
					got[number] = nil
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Whatever the bindings are, a plan makes them what is wanted, keeps within the size, and a second plan has nothing to do.
func TestPlanReachesWhatIsWanted(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		names := numbered(0, 350)
		before := bindings{}
		for range random.IntN(5) {
			subjects := slices.Clone(names[random.IntN(300):])
			before[random.IntN(9)] = subjects[:min(len(subjects), access.MaxSubjects)]
		}
		wanted := map[string]bool{}
		for range random.IntN(400) {
			wanted[names[random.IntN(len(names))]] = random.IntN(3) > 0
		}
		complete := random.IntN(2) == 0
		after := maps.Clone(before)
		after.apply(access.Plan(before, wanted, complete))
		for _, name := range names {
			is, named := wanted[name]
			if !named && !complete {
				is = len(before.Holding(name)) > 0
			}
			if got := len(after.Holding(name)); is != (got > 0) || named && got > 1 {
				t.Fatalf("seed %d: %s is in %d bindings, wanted %t", seed, name, got, is)
			}
		}
		for number, subjects := range after {
			if len(subjects) == 0 || len(subjects) > access.MaxSubjects {
				t.Fatalf("seed %d: binding %d has %d subjects", seed, number, len(subjects))
			}
		}
		if again := access.Plan(after, wanted, complete); len(again) > 0 {
			t.Fatalf("seed %d: a second plan writes %v", seed, again)
		}
	}
}
