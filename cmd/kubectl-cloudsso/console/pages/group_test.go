package pages

import "testing"

// A walk over all parts of a group shows each member once, whichever lists have them.
func TestPositionsVisitEachMemberOnce(t *testing.T) {
	for name, lists := range map[string]struct {
		own    int
		slices []int
	}{
		"no members":            {0, nil},
		"own list":              {120, nil},
		"full pages":            {100, nil},
		"slices alone":          {0, []int{120, 7}},
		"own list and slices":   {70, []int{250, 250, 3}},
		"full pages and slices": {100, []int{250, 50}},
		"empty slices":          {1, []int{0, 250, 0}},
	} {
		visited, parts := 0, 0
		for at := (&position{}); at != nil; parts++ {
			if parts > 100 {
				t.Fatalf("%s: the walk does not end", name)
			}
			read := positionOf(at.String())
			if read != *at || read.Read != visited {
				t.Errorf("%s: %+v after %d members was read back as %+v", name, *at, visited, read)
			}
			length, next, sliced := lists.own, "", len(lists.slices) > 0
			if read.InSlices {
				slice := len(read.Slice) // a token is as long as the number of slices before it
				length = lists.slices[slice]
				if slice+1 < len(lists.slices) {
					next = read.Slice + "."
				}
			}
			count := min(pageMembers, length-read.At)
			visited += count
			at = read.after(count, length, next, sliced)
		}
		want := lists.own
		for _, length := range lists.slices {
			want += length
		}
		if visited != want {
			t.Errorf("%s: visited %d of %d members", name, visited, want)
		}
	}
}

func TestStrangePositionsAreTheFirst(t *testing.T) {
	for _, parameter := range []string{"", "x", "1.2.s", "-1.0.l.", "0.-1.s.t", "a.0.l.", "0.b.l."} {
		if got := positionOf(parameter); got != (position{}) {
			t.Errorf("%q is %+v", parameter, got)
		}
	}
}
