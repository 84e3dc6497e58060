package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
)

// stumbling fails once before it accepts.
type stumbling struct {
	net.Listener
	once sync.Once
}

func (s *stumbling) Accept() (net.Conn, error) {
	err := error(nil)
	s.once.Do(func() { err = syscall.EMFILE })
	if err != nil {
		return nil, err
	}
	return s.Listener.Accept()
}

// One port takes both; a client that says nothing holds up nobody, nor does a moment without descriptors, and a closed
// listener says so.
func TestEitherListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	either, err := newEitherListener(&stumbling{Listener: listener})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: either,
		Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS != nil {
				io.WriteString(w, "TLS ")
			}
			io.Copy(w, r.Body)
		})}}
	server.Start()
	defer server.Close()
	address := listener.Addr().String()
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, c := range []struct{ method, url, want string }{
		{"GET", "http://" + address, ""}, {"GET", "https://" + address, "TLS "}, {"GET", "http://" + address, ""},
	} {
		request, _ := http.NewRequest(c.method, c.url, nil)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(got) != c.want {
			t.Errorf("%s: %q, want %q", c.url, got, c.want)
		}
	}
	either.Close()
	if _, err := either.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of a closed listener: %v", err)
	}
}

// The certificate names this machine, so that whoever trusts it needs no further exception.
func TestSelfSigned(t *testing.T) {
	certificate, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
}
