// Command app is the web app of the contract suite: it reports what it saw, and does what it is told. It is an
// ordinary web server and knows nothing of Lambda.
//
// Every path answers. What to do comes in the header X-Verify, or in the member "verify" of a JSON body, as a query:
//
//	status=418                the status of the answer
//	header=NAME:VALUE         a header of the answer; may be repeated
//	body=TEXT, bytes=N        the answer's body, in the place of the report: a text, or N bytes
//	octets=1                  the answer's body are all 256 bytes
//	log=TEXT                  prints a line, before anything else
//	sleep=1s, then=TEXT       waits before it answers, and prints a line then
//	stream=N, every=100ms     N pieces, each sent on its own
//	break=N                   breaks the connection off before the piece of this number
//	trailer=NAME:VALUE        a trailer
//	exit=N, allocate=MB       ends the process; takes memory
//	tell=environment,clock,files,limits   adds this to the report
//	keep=NAME                 writes a file to /tmp
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func run() error {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	var version string
	text, err := os.ReadFile("version.json")
	if err == nil {
		err = json.Unmarshal(text, &version)
	}
	if err != nil {
		return fmt.Errorf("read the app's version: %w", err)
	}
	a := newApp(version)
	server := &http.Server{Addr: ":" + port, Handler: a}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		fmt.Println("app: SIGTERM")
		server.Close()
	})
	go a.clock.tick(ctx, 20*time.Millisecond)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
