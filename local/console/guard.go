package console

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// refuse says why a request may not reach the console; empty lets it pass. The console shows what passes between a
// developer's browser and app, and sends requests: it answers programs of this machine, and pages of its own origin.
//
//   - The peer is on loopback, also when the gateway listens on all addresses, and no proxy or tunnel stands between.
//   - Host is a name of loopback. A page of another site whose name resolves to 127.0.0.1 (DNS rebinding) sends its own.
//   - Origin, which browsers send with every request of another site that could do something, is the console's own
//     (RFC 6454); so is Sec-Fetch-Site, which they send with all.
//     https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
func refuse(r *http.Request) string {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
		return "The console answers requests of this machine only."
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return "The console answers no requests that come through a proxy (" + name + ")."
		}
	}
	if !loopbackName(r.Host) {
		return "The console answers to 127.0.0.1, [::1] and localhost only, not to another Host."
	}
	for _, origin := range r.Header["Origin"] {
		if origin == "http://"+r.Host || origin == "https://"+r.Host {
			continue
		}
		return "The console answers pages of its own origin only."
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "", site == "same-origin":
	case site == "none" && r.Method == http.MethodGet: // typed into the address bar, or a bookmark
	case isNavigation(r): // a link of another page; what comes back stays unreadable to it
	default:
		return "The console answers pages of its own origin only."
	}
	return ""
}

// isNavigation is a click on a link that leads to the page itself.
func isNavigation(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == Path && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
}

// loopbackName says whether a Host header names loopback.
func loopbackName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.IsLoopback() && address.Zone() == ""
}

// secure sets the headers that keep the page to itself: it runs no script and shows nothing but its own, in no frame,
// and is kept in no cache.
func secure(h http.Header) {
	h.Set("Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "+
			"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
