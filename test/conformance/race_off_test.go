//go:build !race

package conformance

// raceDetector tells whether the tests, and so the adapter under test, run with the race detector.
const raceDetector = false
