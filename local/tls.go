package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// eitherListener takes HTTP and HTTPS on one port. Apps are told that their clients use HTTPS, as on AWS, and the
// absolute links that some make of that must lead somewhere.
type eitherListener struct {
	net.Listener
	config   *tls.Config
	accepted chan net.Conn
	failed   chan struct{} // closed when no more connections come; err says why
	err      error
}

// firstByteLimit is how long a client may take to say whether it speaks TLS.
const firstByteLimit = 30 * time.Second

// acceptPause is how long accepting rests after it has failed.
const acceptPause = 5 * time.Millisecond

func newEitherListener(listener net.Listener) (*eitherListener, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate for HTTPS: %w", err)
	}
	l := &eitherListener{
		Listener: listener, accepted: make(chan net.Conn), failed: make(chan struct{}),
		config: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}},
	}
	go l.run()
	return l, nil
}

// run accepts connections. Each is looked at in a goroutine of its own, so that a client that says nothing holds up
// nobody: browsers open connections for later.
func (l *eitherListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			l.err = err
			close(l.failed)
			return
		}
		if err != nil { // the client gave up, or this program has too many files open for a moment
			time.Sleep(acceptPause)
			continue
		}
		go l.look(conn)
	}
}

// clientHandshake is the type of the first record of a TLS connection (RFC 8446 section 5.1).
const clientHandshake = 0x16

func (l *eitherListener) look(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(firstByteLimit))
	in := bufio.NewReaderSize(conn, 16)
	first, err := in.Peek(1)
	if err != nil {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Time{})
	conn = begunConn{conn, in}
	if first[0] == clientHandshake {
		conn = tls.Server(conn, l.config)
	}
	select {
	case l.accepted <- conn:
	case <-l.failed:
		conn.Close()
	}
}

func (l *eitherListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.failed:
		return nil, l.err
	}
}

// begunConn is a connection whose first bytes are in a buffer.
type begunConn struct {
	net.Conn
	in *bufio.Reader
}

func (c begunConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// selfSigned makes a certificate for this machine's names. No browser trusts it before it is told to.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "lambda-web on this machine"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{encoded}, PrivateKey: key}, err
}
