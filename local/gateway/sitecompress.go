package gateway

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// How a distribution compresses.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html

// Sizes in bytes of what is compressed.
const (
	leastCompressed = 1_000
	mostCompressed  = 10_000_000
)

// compressedTypes are the media types that are compressed.
var compressedTypes = []string{
	"application/dash+xml", "application/eot", "application/font", "application/font-sfnt", "application/javascript",
	"application/json", "application/opentype", "application/otf", "application/pdf", "application/pkcs7-mime",
	"application/protobuf", "application/rss+xml", "application/truetype", "application/ttf",
	"application/vnd.apple.mpegurl", "application/vnd.mapbox-vector-tile", "application/vnd.ms-fontobject",
	"application/wasm", "application/xhtml+xml", "application/xml", "application/x-font-opentype",
	"application/x-font-truetype", "application/x-font-ttf", "application/x-httpd-cgi", "application/x-javascript",
	"application/x-mpegurl", "application/x-opentype", "application/x-otf", "application/x-perl", "application/x-ttf",
	"font/eot", "font/opentype", "font/otf", "font/ttf", "image/svg+xml", "text/css", "text/csv", "text/html",
	"text/javascript", "text/js", "text/plain", "text/richtext", "text/tab-separated-values", "text/xml",
	"text/x-component", "text/x-java-source", "text/x-script", "vnd.apple.mpegurl",
}

// siteCodings is the Accept-Encoding of a viewer as a distribution writes it: of br and gzip those that it names.
func siteCodings(h http.Header) string {
	var codings []string
	for _, coding := range []string{"br", "gzip"} {
		if acceptsCoding(h, coding) {
			codings = append(codings, coding)
		}
	}
	return strings.Join(codings, ",")
}

// acceptsCoding reads Accept-Encoding (RFC 9110 section 12.5.3).
func acceptsCoding(h http.Header, coding string) bool {
	for entry := range strings.SplitSeq(strings.Join(h["Accept-Encoding"], ","), ",") {
		name, parameters, _ := strings.Cut(entry, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		weight, found := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameters), " ", ""), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !found || err == nil && q > 0
	}
	return false
}

// compressForViewer compresses what a distribution compresses. Brotli, which CloudFront prefers, it does not know.
func compressForViewer(r *http.Response) error {
	h := r.Header
	if r.Request.Method == http.MethodHead || !slices.Contains([]int{200, 403, 404}, r.StatusCode) ||
		r.ContentLength < leastCompressed || r.ContentLength > mostCompressed || h.Get("Content-Encoding") != "" ||
		!slices.Contains(compressedTypes, mediaType(h.Get("Content-Type"))) ||
		!acceptsCoding(r.Request.Header, "gzip") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(body) // a buffer takes everything
	w.Close()
	r.Body, r.ContentLength = io.NopCloser(&packed), int64(packed.Len())
	h.Set("Content-Length", strconv.Itoa(packed.Len()))
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	if etag := h.Get("Etag"); strings.HasPrefix(etag, `"`) { // the bytes are others (RFC 9110 section 8.8.1)
		h.Set("Etag", "W/"+etag)
	}
	return nil
}
