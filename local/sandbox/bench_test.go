package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// benchRuntime is a trivial runtime inside this program: it answers each event with itself over one
// connection, with nothing that could hide the cost of the sandbox.
func benchRuntime(api string) error {
	c, err := net.Dial("tcp", api)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(c, 64<<10)
	body, out := make([]byte, 0, 64<<10), make([]byte, 0, 64<<10)
	for {
		out = append(out[:0], "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"...)
		if _, err := c.Write(out); err != nil {
			return err
		}
		var id string
		if id, body, err = readAnswer(in, body); err != nil {
			return err
		}
		out = fmt.Appendf(out[:0],
			"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", id,
			len(body))
		out = append(out, body...)
		if _, err := c.Write(out); err != nil {
			return err
		}
		if _, body, err = readAnswer(in, body); err != nil {
			return err
		}
	}
}

func readAnswer(in *bufio.Reader, body []byte) (id string, content []byte, err error) {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", nil, err
		}
		if len(line) == 2 {
			break
		}
		if value, found := strings.CutPrefix(string(line), "Lambda-Runtime-Aws-Request-Id: "); found {
			id = strings.TrimSpace(value)
		} else if value, found := strings.CutPrefix(string(line), "Content-Length: "); found {
			fmt.Sscan(value, &length)
		}
	}
	content = append(body[:0], make([]byte, length)...)
	_, err = io.ReadFull(in, content)
	return id, content, err
}

// benchFunction is a function whose processes idle and whose runtimes are in this program.
func benchFunction(b *testing.B, sandboxes int) *Function {
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	announced := newLogBook()
	f, err := New(Config{
		Name: "bench", Version: "1", Region: "eu-central-1", AccountID: "123456789012", MemorySize: 512,
		Timeout: time.Minute, Dir: b.TempDir(), Command: []string{actor, "env", "block"},
		MaxConcurrency: sandboxes, ProvisionedConcurrency: sandboxes, Log: io.MultiWriter(announced, log),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close(context.Background()); log.Close() })
	started := make(chan error, 1)
	go func() { started <- f.Start(context.Background()) }()
	for n := 1; n <= sandboxes; n++ {
		found := announced.awaitN(b, `sandbox-\d+ \| actor: env AWS_LAMBDA_RUNTIME_API=(\S+)$`, n)
		go benchRuntime(found[n-1][1])
	}
	if err := <-started; err != nil {
		b.Fatal(err)
	}
	f.log.out = log
	return f
}

func BenchmarkInvoke(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dkB", size>>10), func(b *testing.B) {
			f := benchFunction(b, 1)
			event := make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Invoke(context.Background(), Invocation{Event: event}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkInvokeParallel keeps eight sandboxes busy.
func BenchmarkInvokeParallel(b *testing.B) {
	f := benchFunction(b, 8)
	event := make([]byte, 1<<10)
	var failed atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(4) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.Invoke(context.Background(), Invocation{Event: event}); err != nil {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n > 0 {
		b.Errorf("%d invocations failed", n)
	}
}
