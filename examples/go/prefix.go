package main

import (
	"net/http"
	"strings"
)

// A site may live under a path that whoever stands in front takes off before the request comes here, and
// names in X-Forwarded-Prefix. Pages put it into <base href>, so that their links are relative; redirects
// get it here, the ServeMux's own among them.

// underPrefix adds the prefix to redirects within the site.
func underPrefix(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(prefixWriter{w, prefixOf(r)}, r)
	})
}

func prefixOf(r *http.Request) string {
	return strings.TrimRight(r.Header.Get("X-Forwarded-Prefix"), "/")
}

type prefixWriter struct {
	http.ResponseWriter
	prefix string
}

func (w prefixWriter) WriteHeader(status int) {
	location := w.Header().Get("Location")
	if strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//") {
		w.Header().Set("Location", w.prefix+location)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush.
func (w prefixWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// clientOf is who made the request. The proxy in front adds its client's address at the end of
// X-Forwarded-For; what stands before it can be made up by anyone.
func clientOf(r *http.Request) string {
	list := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
	if last := strings.TrimSpace(list[len(list)-1]); last != "" {
		return last
	}
	return r.RemoteAddr
}

// urlOf is the address of a path of this site as the client would type it.
func urlOf(r *http.Request, path string) string {
	scheme := "http"
	if isHTTPS(r) {
		scheme = "https"
	}
	return scheme + "://" + r.Host + prefixOf(r) + path
}

func isHTTPS(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" }
