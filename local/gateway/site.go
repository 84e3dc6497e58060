package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SiteConfig is a CloudFront distribution whose one origin is a stage.
type SiteConfig struct {
	// ID names the distribution: letters and digits.
	ID string
	// Origin is where the API listens, "127.0.0.1:3000". OriginPath begins with a slash and ends with none, or is empty.
	Origin, OriginPath string
	// Headers are added to each request; a viewer's own of these names are overwritten.
	Headers http.Header
	// TellsHost is whether a function of the distribution puts the viewer's Host into X-Forwarded-Host.
	TellsHost bool
	// Compress is the distribution's setting of that name.
	Compress bool
	// ReadTimeout is how long the origin may take until the first byte and from one to the next; 0 is 30 s.
	ReadTimeout time.Duration
	// Transport has the connections to the origin; nil is one of the site's own.
	Transport http.RoundTripper
	// Log receives a sentence for each answer of the distribution's own; nil discards it.
	Log *slog.Logger
}

// Site is a distribution: it hands a viewer's requests to the stage, whose name their paths do not have. It keeps
// nothing: each answer comes from the origin.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
type Site struct {
	config SiteConfig
	proxy  httputil.ReverseProxy
}

var _ http.Handler = (*Site)(nil)

// NewSite makes a site.
func NewSite(config SiteConfig) *Site {
	config.ReadTimeout = cmp.Or(config.ReadTimeout, 30*time.Second)
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Transport == nil {
		config.Transport = NewSiteTransport()
	}
	s := &Site{config: config}
	s.proxy = httputil.ReverseProxy{
		Rewrite: s.request, ModifyResponse: s.response, ErrorHandler: s.failed, FlushInterval: -1,
		Transport: config.Transport, ErrorLog: log.New(io.Discard, "", 0),
	}
	return s
}

// NewSiteTransport makes a transport for the connections of a site to its origin.
func NewSiteTransport() *http.Transport {
	return &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100, IdleConnTimeout: time.Minute}
}

// maxSiteURL is the longest URL of a request, in bytes.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
const maxSiteURL = 8192

// siteMethods are those that a distribution can allow.
var siteMethods = []string{"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}

// ServeHTTP answers one request of a viewer.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := siteRequestID()
	switch {
	case !slices.Contains(siteMethods, r.Method):
		s.refuse(w, id, http.StatusForbidden, "This distribution is not configured to allow the HTTP request "+
			"method that was used for this request.")
		return
	case r.Method == http.MethodGet && r.ContentLength != 0:
		s.refuse(w, id, http.StatusForbidden, "Bad request: a GET request has a body.")
		return
	case len(r.RequestURI) > maxSiteURL:
		s.refuse(w, id, http.StatusRequestEntityTooLarge, "Bad request: the URL is too long.")
		return
	case !strings.HasPrefix(r.RequestURI, "/"):
		s.refuse(w, id, http.StatusBadRequest, "Bad request: the request target is no path.")
		return
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(r.Context(), siteRequestKey{}, id))
	defer cancel(nil)
	timer := time.AfterFunc(s.config.ReadTimeout, func() { cancel(errOriginSilent) })
	defer timer.Stop()
	r = r.WithContext(context.WithValue(ctx, siteTimerKey{}, func() { timer.Reset(s.config.ReadTimeout) }))
	r.Body = watched{r.Body, r.Context()} // while the viewer sends, the origin need not
	s.proxy.ServeHTTP(w, r)
}

// What a request's context holds: its id, and what gives the origin its time again.
type (
	siteRequestKey struct{}
	siteTimerKey   struct{}
)

var errOriginSilent = errors.New("nothing came from the origin for too long")

// watched is a body each piece of which gives the origin its time again.
type watched struct {
	io.ReadCloser
	ctx context.Context
}

func (b watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if again, ok := b.ctx.Value(siteTimerKey{}).(func()); ok && n > 0 {
		again()
	}
	return n, err
}

// siteRequestID has the form of X-Amz-Cf-Id.
func siteRequestID() string {
	random := make([]byte, 40)
	rand.Read(random) // never fails
	return base64.URLEncoding.EncodeToString(random)
}

// unforwardedBySite are the fields of a viewer that do not reach an origin, beside those about the connection, which
// the proxy takes off (RFC 9110 section 7.6.1).
var unforwardedBySite = []string{"Te", "Upgrade", "Connection", "Expect", "Proxy-Authorization", "Proxy-Authenticate",
	"X-Real-Ip", "X-Http-Method-Override", "X-Forwarded-Proto", "Accept-Encoding"}

// request makes the request for the origin: the path below the stage as the viewer wrote it, and the viewer's fields
// but for Host (the managed origin request policy AllViewerExceptHostHeader).
func (s *Site) request(p *httputil.ProxyRequest) {
	// Opaque keeps the target's bytes; URL's other members would be written anew.
	p.Out.URL = &url.URL{Scheme: "http", Host: s.config.Origin, Opaque: s.config.OriginPath + p.In.RequestURI}
	p.Out.Host = s.config.Origin
	h := p.Out.Header
	for name := range h {
		if slices.Contains(unforwardedBySite, name) || strings.HasPrefix(name, "X-Edge-") {
			delete(h, name)
		}
	}
	if coding := siteCodings(p.In.Header); coding != "" {
		h.Set("Accept-Encoding", coding)
	}
	// ReverseProxy has taken these out.
	h.Set("X-Forwarded-For", strings.Join(append(slices.Clone(p.In.Header["X-Forwarded-For"]),
		sourceIP(p.In.RemoteAddr)), ","))
	if s.config.TellsHost {
		h.Set("X-Forwarded-Host", p.In.Host)
		h.Del("X-Forwarded-Prefix")
	} else {
		copyValues(h, p.In.Header, "X-Forwarded-Host", "Forwarded")
	}
	h.Add("Via", s.via(p.In.ProtoMajor, p.In.ProtoMinor))
	h.Set("X-Amz-Cf-Id", p.In.Context().Value(siteRequestKey{}).(string))
	for name, values := range s.config.Headers {
		h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
}

func copyValues(to, from http.Header, names ...string) {
	for _, name := range names {
		if values := from[name]; len(values) > 0 {
			to[name] = slices.Clone(values)
		}
	}
}

// via is what a distribution adds to Via, in both directions.
func (s *Site) via(major, minor int) string {
	return fmt.Sprintf("%d.%d %s.cloudfront.net (CloudFront)", major, minor, strings.ToLower(s.config.ID))
}

// sitePlace is an edge location that there is not, in the form of X-Amz-Cf-Pop.
const sitePlace = "LOC50-P1"

// response is what a viewer gets of the origin's.
func (s *Site) response(r *http.Response) error {
	r.Body = watched{r.Body, r.Request.Context()}
	h := r.Header
	h.Add("Via", s.via(r.ProtoMajor, r.ProtoMinor))
	s.stamp(h, r.Request.Context().Value(siteRequestKey{}).(string), r.StatusCode)
	if s.config.Compress {
		return compressForViewer(r)
	}
	return nil
}

// stamp says that the answer has gone through the distribution. An error is one whoever made it.
func (s *Site) stamp(h http.Header, id string, status int) {
	h["X-Cache"] = []string{"Miss from cloudfront"}
	if status >= http.StatusBadRequest {
		h["X-Cache"] = []string{"Error from cloudfront"}
	}
	h["X-Amz-Cf-Pop"] = []string{sitePlace}
	h["X-Amz-Cf-Id"] = []string{id}
}

// failed answers where the origin does not.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-502-bad-gateway.html
func (s *Site) failed(w http.ResponseWriter, r *http.Request, err error) {
	id := r.Context().Value(siteRequestKey{}).(string)
	if errors.Is(context.Cause(r.Context()), errOriginSilent) {
		s.config.Log.Warn("the site's origin did not answer in time", "path", r.URL.Path, "limit", s.config.ReadTimeout)
		s.refuse(w, id, http.StatusGatewayTimeout, "We can't connect to the server for this app or website "+
			"at this time: it did not answer in time.")
		return
	}
	if r.Context().Err() != nil {
		return // the viewer has left
	}
	s.config.Log.Warn("the site's origin cannot be reached", "path", r.URL.Path, "cause", err)
	s.refuse(w, id, http.StatusBadGateway, "CloudFront wasn't able to connect to the origin.")
}

// sitePage is an error of the distribution's own, in the form of CloudFront's.
const sitePage = `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>ERROR: The request could not be satisfied</title></head>
<body><h1>%d ERROR</h1><h2>The request could not be satisfied.</h2><hr>
<p>%s</p><hr>
<pre>Generated by cloudfront (CloudFront) on this machine
Request ID: %s</pre></body></html>
`

func (s *Site) refuse(w http.ResponseWriter, id string, status int, reason string) {
	h := w.Header()
	h.Set("Server", "CloudFront")
	h.Set("Content-Type", "text/html")
	h.Add("Via", s.via(1, 1))
	s.stamp(h, id, status)
	w.WriteHeader(status)
	fmt.Fprintf(w, sitePage, status, reason, id)
}
