package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// site is the listener of a distribution in front of the API. It listens from when a program first makes one, and until
// a program that is deployed makes none.
type site struct {
	mu       sync.Mutex
	listener net.Listener // nil: it does not listen
	server   *http.Server // nil: it does not answer yet
}

// openSite has the site listen and returns where.
func (p *place) openSite() (string, error) {
	p.site.mu.Lock()
	defer p.site.mu.Unlock()
	if p.site.listener == nil {
		listener, err := net.Listen("tcp", net.JoinHostPort(p.host, strconv.Itoa(p.sitePort)))
		if err != nil {
			return "", fmt.Errorf("port %d on %s, for the site in front of the API, cannot be used (%w); "+
				"choose another one with SITE_PORT, for example: make local SITE_PORT=%d",
				p.sitePort, p.host, cause(err), p.sitePort+1)
		}
		p.site.listener = listener
	}
	return p.site.listener.Addr().String(), nil
}

// serveSite answers at the site from now on, if there is one; otherwise it does not listen any more.
func (p *place) serveSite(wanted bool) error {
	p.site.mu.Lock()
	defer p.site.mu.Unlock()
	switch {
	case p.site.listener == nil || wanted && p.site.server != nil:
		return nil
	case !wanted:
		var err error
		if p.site.server == nil {
			err = p.site.listener.Close()
		} else {
			err = p.site.server.Close()
		}
		p.site.listener, p.site.server = nil, nil
		return err
	}
	either, err := newEitherListener(p.site.listener)
	if err != nil {
		return err
	}
	p.site.server = newServer(http.HandlerFunc(p.cloud.ServeSite))
	go p.site.server.Serve(either)
	return nil
}

// shutDownSite lets requests that are under way finish, until the context ends.
func (p *place) shutDownSite(ctx context.Context) error {
	p.site.mu.Lock()
	defer p.site.mu.Unlock()
	switch {
	case p.site.server != nil:
		if p.site.server.Shutdown(ctx) != nil {
			p.site.server.Close()
		}
	case p.site.listener != nil:
		return p.site.listener.Close()
	}
	return nil
}

// newServer is what the gateway and the site have in common.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, MaxHeaderBytes: 1 << 20, ReadHeaderTimeout: 30 * time.Second}
}

// checkPorts settles the site's port, which is one more than the gateway's unless it is set.
func (o *options) checkPorts() error {
	if o.port < 0 || o.port > 65535 {
		return fmt.Errorf("PORT is %d; allowed are 1 to 65535, or 0 for a free one", o.port)
	}
	if o.sitePort == besidePort {
		if o.sitePort = o.port; o.port != 0 {
			o.sitePort = o.port%65535 + 1
		}
		return nil
	}
	if o.sitePort < 0 || o.sitePort > 65535 {
		return fmt.Errorf("SITE_PORT is %d; allowed are 1 to 65535, or 0 for a free one", o.sitePort)
	}
	if o.sitePort == o.port && o.port != 0 {
		return errors.New("SITE_PORT and PORT are the same; leave SITE_PORT out for the port behind PORT, or " +
			"choose another one")
	}
	return nil
}

// besidePort stands for a port that is not set.
const besidePort = -1
