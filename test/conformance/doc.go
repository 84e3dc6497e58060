// Package conformance holds the adapter to its contract from outside: it starts the real binary,
// stands on both of its sides with real sockets, and compares bytes.
//
// On Lambda's side is package lambda. On the application's side is WebApp, an HTTP/1.1 server that
// records what it was sent, byte for byte, and replies with whatever bytes a test scripts. Both
// report what is malformed as a violation. Between them runs Process, the adapter.
//
// The tests are tables of the contract: testdata/adapter-vectors.jsonl row by row
// (vectors_test.go), the failure table (failures_*_test.go), readiness (readiness_test.go), what
// events and settings promise beyond the vectors, and real web servers (servers_test.go). The
// command in chaos drives the same parts with a seeded schedule of faults. The test built with the
// tag rie runs the adapter under the official Runtime Interface Emulator.
package conformance
