package chaos

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// memberModel is the promise about one member of one group: in or out, and every answer that says "not a
// member" is certain. The member is one that is never deleted. State is bool; inputs are *Op.
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
	switch o.Kind {
	case FindMember: // negative: positive answers may lag and are not asked about here
		return !in, in
	case Final:
		return in == o.names(member), in
	}
	if o.Outcome == Missing { // the group is there for as long as anybody asks
		return false, in
	}
	if becomes, touched := o.membership(member); touched {
		return true, becomes
	}
	return true, in
}

// membership is what the request makes of a member, if it is about it at all.
func (o *Op) membership(member string) (in, touched bool) {
	if o.Outcome == Taken {
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
