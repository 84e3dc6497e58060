package conformance

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"lambda-web/test/lambda"
)

// segmentsOf is the number of TCP segments with data that have arrived on the exchange's connection.
func segmentsOf(t testing.TB, x *lambda.Exchange) int {
	raw, err := x.Socket().(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	if fault := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP,
			unix.TCP_INFO)
	}); fault != nil {
		t.Fatal(fault)
	}
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Data_segs_in)
}
