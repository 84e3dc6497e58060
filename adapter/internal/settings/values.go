package settings

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/sha256"
)

// The readers below return false if a value is not allowed. Values come without white space around
// them, and never empty.

func readWhole(to *int, value string, least, most int) bool {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return false
	}
	*to = n
	return true
}

func readPort(to *int, value string) bool { return readWhole(to, value, 1, 65535) }

func readBool(to *bool, value string) bool {
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		*to = true
	case "0", "false", "no", "off":
		*to = false
	default:
		return false
	}
	return true
}

// readChoice sets to by which of two words the value is, in any case.
func readChoice(to *bool, value, off, on string) bool {
	switch strings.ToLower(value) {
	case off:
		*to = false
	case on:
		*to = true
	default:
		return false
	}
	return true
}

// readSeconds reads digits with or without a point. To parse a float, or a duration, would make the adapter larger by
// 8 KB.
func readSeconds(to *time.Duration, value string) bool {
	const places = 9 // of nanoseconds
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(value, "+"), ".")
	if whole+fraction == "" || strings.Trim(fraction, "0123456789") != "" {
		return false
	}
	n, err := strconv.ParseUint(whole+(fraction + "000000000")[:places], 10, 64)
	if err != nil || n > 1e6*uint64(time.Second) {
		return false
	}
	*to = time.Duration(n)
	return true
}

func readMilliseconds(to *time.Duration, value string) bool {
	var n int
	if !readWhole(&n, value, 0, 1e9) {
		return false
	}
	*to = time.Duration(n) * time.Millisecond
	return true
}

// readHost accepts what can stand before a port, and unix:/path.
func readHost(to *string, value string) bool {
	switch {
	case strings.HasPrefix(value, "unix:"):
		// A socket's path has 107 bytes at the most (unix(7)).
		if path := strings.TrimPrefix(value, "unix:"); !strings.HasPrefix(path, "/") || len(path) > 107 {
			return false
		}
	case strings.HasPrefix(value, "["):
		ip, err := netip.ParseAddr(strings.TrimSuffix(value[1:], "]"))
		if err != nil || !ip.Is6() || !strings.HasSuffix(value, "]") {
			return false
		}
	default:
		if !isHostName(value) {
			return false
		}
	}
	*to = value
	return true
}

func isHostName(text string) bool {
	for _, c := range []byte(text) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && c-'0' > 9 && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return len(text) <= 253
}

// readHostPort accepts host:port, with a scheme in front that is dropped.
func readHostPort(to *string, value string) bool {
	value = strings.TrimSuffix(strings.TrimPrefix(value, "http://"), "/")
	colon := strings.LastIndexByte(value, ':')
	if colon < 1 {
		return false
	}
	var host string
	var port int
	if strings.HasPrefix(value, "unix:") || !readHost(&host, value[:colon]) || !readPort(&port, value[colon+1:]) {
		return false
	}
	*to = value
	return true
}

// readPath accepts a path without control characters and adds a missing slash in front.
func readPath(to *string, value string) bool {
	for _, c := range []byte(value) {
		if c < 0x20 || c == 0x7F {
			return false
		}
	}
	if value[0] != '/' {
		value = "/" + value
	}
	*to = value
	return true
}

// readPaths accepts paths with commas between them.
func readPaths(to *[]string, value string) bool {
	var paths []string
	for entry := range strings.SplitSeq(value, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		var path string
		if !readPath(&path, entry) {
			return false
		}
		paths = append(paths, path)
	}
	*to = paths
	return true
}

func readBasePath(to *string, value string) bool {
	if !readPath(to, value) {
		return false
	}
	*to = strings.TrimRight(*to, "/")
	return true
}

func readHeaderName(to *string, value string) bool {
	name := []byte(value)
	if !http1.LowerToken(name) {
		return false
	}
	*to = string(name)
	return true
}

// readDigests reads one or two SHA-256 digests in lower-case hex.
func readDigests(to *[][sha256.Size]byte, value string) bool {
	var digests [][sha256.Size]byte
	for entry := range strings.SplitSeq(value, ",") {
		var digest [sha256.Size]byte
		if !readHex(digest[:], strings.TrimSpace(entry)) || len(digests) == 2 {
			return false
		}
		digests = append(digests, digest)
	}
	*to = digests
	return true
}

func readHex(to []byte, text string) bool {
	if len(text) != 2*len(to) {
		return false
	}
	for i := range text {
		digit := strings.IndexByte("0123456789abcdef", text[i])
		if digit < 0 {
			return false
		}
		to[i/2] = to[i/2]<<4 | byte(digit)
	}
	return true
}

// readStatuses reads a list such as `200-399,404`. Entries that are none are left out, and named in
// skipped.
func readStatuses(list string) (set StatusSet, skipped []string) {
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		from, until, isRange := strings.Cut(entry, "-")
		if !isRange {
			until = from
		}
		var first, last int
		if !readWhole(&first, strings.TrimSpace(from), 100, 599) ||
			!readWhole(&last, strings.TrimSpace(until), 100, 599) || first > last {
			skipped = append(skipped, entry)
			continue
		}
		set.addRange(first, last)
	}
	return set, skipped
}

// readOwnHost reads HOST, which is the app's own word for where it listens. Its words for all
// addresses mean this machine.
func readOwnHost(to *string, value string) bool {
	switch value {
	case "0.0.0.0":
		*to = "127.0.0.1"
	case "::", "[::]":
		*to = "localhost"
	default:
		if ip, err := netip.ParseAddr(value); err == nil && ip.Is6() {
			value = "[" + value + "]"
		}
		return readHost(to, value)
	}
	return true
}

func readContextHeaders(s *Settings, value string) bool {
	switch strings.ToLower(value) {
	case "all":
		s.RequestContext, s.LambdaContext = true, true
	case "none":
		s.RequestContext, s.LambdaContext = false, false
	case "request":
		s.RequestContext, s.LambdaContext = true, false
	case "lambda":
		s.RequestContext, s.LambdaContext = false, true
	default:
		return false
	}
	return true
}

func readForwardedPrefix(s *Settings, value string) bool {
	mode := strings.ToLower(value)
	switch mode {
	case "off", "header", "path", "auto":
	default:
		return false
	}
	s.PrefixAuto = mode == "auto"
	s.PrefixHeader = mode == "header" || s.PrefixAuto
	s.PrefixInPath = mode == "path"
	return true
}

func readLogLevel(s *Settings, value string) bool {
	level := map[string]logging.Level{
		"trace": logging.Trace, "debug": logging.Debug, "info": logging.Info,
		"warn": logging.Warn, "warning": logging.Warn, "error": logging.Error, "fatal": logging.Fatal,
	}
	found, ok := level[strings.ToLower(value)]
	if ok {
		s.LogLevel = found
	}
	return ok
}
