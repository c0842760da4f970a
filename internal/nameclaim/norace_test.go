//go:build !race

package nameclaim

// raceDetector says that the tests run with the race detector.
const raceDetector = false
