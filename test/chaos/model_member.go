package chaos

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// memberModel returns the promise about one member of one group: it is in or out, as the last write says. The member is
// a user that is never deleted, and the group exists throughout. The state is a bool; inputs are *Op. Filters on members
// are as fresh as the watch of a replica; see Reads.
func memberModel(member string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return false },
		Step: func(state, input, _ any) (bool, any) {
			in, _ := state.(bool)
			o, _ := input.(*Op)
			return stepMember(in, o, member)
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%s in: %v", member, state) },
	}
}

func stepMember(in bool, o *Op, member string) (ok, after bool) {
	switch {
	case o.Kind == Final:
		return in == o.names(member), in
	case o.Outcome == NotFound:
		return false, in
	}
	if becomes, touched := o.membership(member); touched {
		return true, becomes
	}
	return true, in
}

// membership returns whether the request puts a member in or out, and whether it concerns the member at all.
func (o *Op) membership(member string) (in, touched bool) {
	if o.Outcome == Conflict {
		return false, false
	}
	named := o.names(member)
	switch o.Kind {
	case Create, ReplaceMembers:
		return named, true
	case AddMembers:
		return true, named
	case RemoveMembers:
		return false, named
	case EmptyGroup:
		return false, true
	}
	return false, false
}
