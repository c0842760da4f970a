package v1alpha1

// What the verification of names after the fact needs, until claims replace it.
const (
	AnnotationReservation = "cloudsso.dev/reservation"
	LabelFence            = "cloudsso.dev/fence"
	SentinelName          = "fence"
)
