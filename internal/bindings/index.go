package bindings

// View is the access.View of an assignment's bindings in one target.
type View struct{}

// Numbers is part of access.View.
func (v *View) Numbers() []int { return nil }

// Subjects is part of access.View.
func (v *View) Subjects(number int) []string { return nil }

// Holding is part of access.View.
func (v *View) Holding(name string) []int { return nil }

// ResourceVersion returns the resourceVersion of a binding, for Binding; "" if there is none.
func (v *View) ResourceVersion(number int) string { return "" }
