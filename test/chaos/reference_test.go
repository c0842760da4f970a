package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// reference is a directory of users that keeps the promises, one request at a time.
type reference struct {
	users  []*Seen
	random *rand.Rand
}

func (r *reference) named(name string) *Seen {
	i := slices.IndexFunc(r.users, func(u *Seen) bool { return !u.Deprovisioned && u.Name == name })
	if i < 0 {
		return nil
	}
	return r.users[i]
}

func (r *reference) get(id string) *Seen {
	i := slices.IndexFunc(r.users, func(u *Seen) bool { return !u.Deprovisioned && !u.Manual && u.ID == id })
	if i < 0 {
		return nil
	}
	return r.users[i]
}

// do carries a request out.
func (r *reference) do(o *Op) {
	o.Outcome = Done
	if o.Kind == Create {
		r.create(o)
		return
	}
	u := r.get(o.Subject)
	if o.Kind == FindName {
		if u = r.named(o.Name); u == nil || u.Manual {
			o.Outcome = Empty
			return
		}
	}
	switch {
	case u == nil:
		o.Outcome = NotFound
		return
	case o.IfMarker != 0 && o.IfMarker != u.Marker:
		o.Outcome = PreconditionFailed
		return
	}
	switch other := r.named(o.Name); o.Kind {
	case Rename:
		if other != nil && other != u {
			o.Outcome = Conflict
			return
		}
		u.Name, u.Marker = o.Name, o.ID
	case Activate, Deactivate:
		u.Active, u.Marker = o.Kind == Activate, o.ID
	case Delete:
		u.Deprovisioned = true
		return
	}
	o.Seen = []Seen{*u}
}

func (r *reference) create(o *Op) {
	u := r.named(o.Name)
	switch {
	case u == nil:
		u = &Seen{ID: fmt.Sprint("u", len(r.users))}
		r.users = append(r.users, u)
	case !u.Manual && (u.Active || u.ExternalID == "" || u.ExternalID != o.ExternalID):
		o.Outcome = Conflict
		return
	}
	*u = Seen{ID: u.ID, Name: o.Name, ExternalID: o.ExternalID, Active: true, Marker: o.ID, Origin: o.ID}
	o.Result, o.Seen = u.ID, []Seen{*u}
}

// request returns a random request.
func (r *reference) request(id int) *Op {
	kinds := []Kind{Create, Create, Create, Rename, Deactivate, Deactivate, Activate, Delete, Read, FindName, FindName}
	o := &Op{ID: id, Kind: pick(r.random, kinds), Name: pick(r.random, []string{"a", "b"})}
	switch o.Kind {
	case Create:
		o.ExternalID = pick(r.random, []string{"", "e", "e", "f"})
	case FindName:
	default:
		o.Subject = "m"
		if n := len(r.users); r.random.IntN(8) > 0 {
			u := r.users[max(0, n-1-r.random.IntN(3))]
			if o.Subject = u.ID; r.random.IntN(4) == 0 && (o.Kind == Rename || o.Kind == Deactivate) {
				o.IfMarker = u.Marker
			}
		}
	}
	return o
}

// Answers of a directory that keeps the promises are explained, whatever requests are concurrent and whichever answers
// are lost.
func TestHistoriesOfAReferenceAreLegal(t *testing.T) {
	const requests, histories = 40, 300
	restored, lost := 0, 0
	for seed := range uint64(histories) {
		manual := Seen{ID: "m", Name: "a", Active: true, Manual: true}
		r := &reference{users: []*Seen{&manual}, random: rand.New(rand.NewPCG(seed, 0))}
		var ops []*Op
		for id := 1; id <= requests; id++ {
			o, effect := r.request(id), 10*id
			o.Call, o.Return = time.Duration(effect-r.random.IntN(30)), time.Duration(effect+r.random.IntN(30))
			if o.Writes() && r.random.IntN(7) == 0 { // the answer is lost, and perhaps the request
				if r.random.IntN(2) == 0 {
					r.do(o)
				}
				o.Outcome, o.Return, o.Result, o.Seen = Unknown, Forever, "", nil
				lost++
			} else {
				known := len(r.users)
				r.do(o)
				if o.Kind == Create && o.Outcome == Done && len(r.users) == known && o.Result != "m" {
					restored++
				}
			}
			ops = append(ops, o)
		}
		final := &Op{Kind: Final, Outcome: Done, Call: 10*requests + 100, Return: Forever}
		for _, u := range r.users {
			final.Seen = append(final.Seen, *u)
		}
		ops = append(ops, final)
		Resolve(ops)
		p := &Partition{Manual: holders{{id: "m", name: "a", active: true, live: true, manual: true}}, Ops: ops}
		for _, v := range (&Reads{Lag: lag}).Check(p) {
			t.Errorf("seed %d: %s: %s", seed, v.Rule, v.Text)
		}
		if h := p.histories(map[string]bool{"m": true})[0]; h.check(0) != "Ok" {
			unexplained, _ := h.shortest()
			t.Errorf("seed %d: no order explains %s", seed, unexplained)
			for _, o := range ops {
				t.Log(o)
			}
			return
		}
	}
	if restored < histories/10 || lost < histories {
		t.Errorf("%d restored and %d lost in %d histories show too little", restored, lost, histories)
	}
}
