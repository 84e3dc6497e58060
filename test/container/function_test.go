package container_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"lambda-web/local/sandbox"
)

const patience = 30 * time.Second

// logBook keeps log lines.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newFunction is a function of an image.
func newFunction(t *testing.T, l sandbox.Launcher, adjust func(*sandbox.Config)) (*sandbox.Function, *logBook) {
	t.Helper()
	log := &logBook{}
	cfg := sandbox.Config{
		Name: "boxed", Version: "1", Region: "eu-central-1", AccountID: "123456789012", Launcher: l,
		MemorySize: 512, Timeout: patience, Log: log, MaxConcurrency: 1,
	}
	adjust(&cfg)
	f, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close(context.Background())
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return f, log
}

func invoke(t *testing.T, f *sandbox.Function, event string) sandbox.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := f.Invoke(ctx, sandbox.Invocation{Event: []byte(event)})
	if err != nil {
		t.Fatalf("invoke with %.80s: %v", event, err)
	}
	return r
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}
