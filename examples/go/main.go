// Command guestbook is a small site made with net/http. Nothing in it knows where it runs.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		slog.Error("guestbook ended", "error", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", ":"+setting("PORT", "8080"))
	if err != nil {
		return err
	}
	uploads, err := openFolder(setting("UPLOAD_FOLDER", filepath.Join(os.TempDir(), "uploads")))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newSite(setting("SESSION_KEY", ""), uploads), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		// Lambda gives an app about 300 ms between SIGTERM and SIGKILL.
		deadline, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		server.Shutdown(deadline)
	}()
	slog.Info("listening", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	slog.Info("stopped")
	return nil
}

func openFolder(name string) (*os.Root, error) {
	if err := os.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(name)
}

func setting(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
