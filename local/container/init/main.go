// Command init is process 1 of a sandbox's container. It starts, signals and watches process groups for
// the program on the other side of its stdin and stdout, passes their output on, and connects them to
// the Runtime API. When its stdin ends it exits, and the kernel ends every process of the container
// with it.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/hashicorp/yamux"

	"lambda-web/local/container/wire"
)

func main() {
	do := run
	if len(os.Args) > 1 && os.Args[1] == wire.Seal {
		do = seal
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		os.Exit(1)
	}
}

func run() error {
	session, err := yamux.Server(stdio{}, wire.Session())
	if err != nil {
		return fmt.Errorf("speak over stdin and stdout: %w", err)
	}
	listener, err := net.Listen("tcp", wire.RuntimeAPI)
	if err != nil {
		return fmt.Errorf("serve the Runtime API: %w", err)
	}
	go connect(listener, session)
	g := newGroups()
	go g.reap()
	for {
		stream, err := session.Accept()
		if err != nil {
			return nil // the other side has gone
		}
		go g.serve(stream)
	}
}

// stdio is the connection to the other side.
type stdio struct{}

func (stdio) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (stdio) Close() error                { return os.Stdin.Close() }

// connect gives each connection to the Runtime API a stream of its own.
func connect(listener net.Listener, session *yamux.Session) {
	for {
		c, err := listener.Accept()
		if err != nil {
			continue
		}
		stream, err := session.Open()
		if err != nil {
			c.Close()
			continue
		}
		go join(c.(*net.TCPConn), stream)
	}
}

// join copies both ways until both ends have said all they have to say.
func join(c *net.TCPConn, stream net.Conn) {
	defer c.Close()
	go func() {
		io.Copy(stream, c)
		stream.Close() // of the direction that is written
	}()
	io.Copy(c, stream)
	c.CloseWrite()
}

// extensionsFolder is where Lambda looks for an image's extensions.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-extensions.html
const extensionsFolder = "/opt/extensions"

// extensions are the executable files of a folder, in the order of their names.
func extensions(folder string) []string {
	entries, _ := os.ReadDir(folder)
	var paths []string
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			paths = append(paths, path)
		}
	}
	return paths
}
