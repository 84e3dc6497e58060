package conformance

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"lambda-web/test/lambda"
)

// Ports come from the range that the kernel gives to outgoing connections too, as the port of an
// app may: nobody listens there for the moment, and nobody may answer. Each process takes a block
// of them for itself, so that another one does not listen there.
const (
	firstPort = 40000
	blockSize = 2000
	blocks    = 10
)

var block = sync.OnceValues(func() (*portBlock, error) {
	for n := range blocks {
		path := filepath.Join(os.TempDir(), fmt.Sprintf("lambda-web-ports-%d.lock", n))
		if unlock, err := tryLock(path); err == nil {
			return &portBlock{first: firstPort + n*blockSize, unlock: unlock}, nil
		}
	}
	return nil, fmt.Errorf("all %d blocks of ports are taken by other processes", blocks)
})

// portBlock hands out its ports in turn.
type portBlock struct {
	mu    sync.Mutex
	first int
	next  int
	held  []func() // releases the ports that were handed out last

	unlock func() // never called: the process keeps its block to its end
}

// FreePort returns a loopback port on which nothing listens. The block is used in turn, so that a
// port comes back only after many others.
func FreePort() (int, error) {
	b, err := block()
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for range blockSize {
		port := b.first + b.next
		b.next = (b.next + 1) % blockSize
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, err
		}
		if release, err := lambda.Reserve(port); err == nil {
			b.hold(release)
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d", b.first, b.first+blockSize-1)
}

// mostHeld is more than tests that run at once have.
const mostHeld = 200

func (b *portBlock) hold(release func()) {
	b.held = append(b.held, release)
	if len(b.held) > mostHeld {
		b.held[0]()
		b.held = b.held[1:]
	}
}
