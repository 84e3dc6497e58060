//go:build race

package main

// raceDetector is true if the race detector is on; it allocates.
const raceDetector = true
