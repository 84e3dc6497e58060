package policy

import (
	"slices"
	"strings"
)

// Hooks are the paths that only the adapter may ask for, in canonical form.
type Hooks []string

// NewHooks returns the hooks among some paths, which may be empty.
func NewHooks(paths ...string) (h Hooks) {
	for _, path := range paths {
		if path != "" {
			path, _, _ = strings.Cut(path, "?")
			h = append(h, canonical(unescaped(path)))
		}
	}
	return h
}

// mostReadings is how many readings of one path are looked at. No honest path has more.
const mostReadings = 100

// Guards reports whether a request target from outside leads to a hook in any reading that servers
// have of it, one step after the other: escapes undone, path parameters (RFC 3986 section 3.3)
// taken off.
func (h Hooks) Guards(target []byte) bool {
	if len(h) == 0 {
		return false
	}
	path, _, _ := strings.Cut(string(target), "?")
	all := []string{path}
	for i := 0; i < len(all); i++ {
		if h.holds(canonical(all[i])) || len(all) > mostReadings {
			return true
		}
		for _, reading := range readings(all[i]) {
			if !slices.Contains(all, reading) {
				all = append(all, reading)
			}
		}
	}
	return false
}

// holds reports whether a path is a hook's, or that with a format behind it (`.json`), which some
// frameworks take for the same.
func (h Hooks) holds(path string) bool {
	return slices.ContainsFunc(h, func(hook string) bool {
		rest, found := strings.CutPrefix(path, hook)
		return found && (rest == "" || rest[0] == '.' && !strings.Contains(rest, "/"))
	})
}

// readings are the paths that a server may make of a path in one step.
func readings(path string) []string {
	all := []string{unescaped(path), withoutParameters(path), strings.Join(strings.Split(path, `\`), "/")}
	if end := strings.IndexFunc(path, func(r rune) bool { return r == ';' || r == '?' || r == '#' || r == 0 }); end >= 0 {
		all = append(all, path[:end])
	}
	if authority, found := strings.CutPrefix(path, "//"); found { // as in a URL without its scheme
		_, rest, _ := strings.Cut(authority, "/")
		all = append(all, "/"+rest)
	}
	return all
}

// withoutParameters takes the path parameters off each segment.
func withoutParameters(path string) string {
	if !strings.Contains(path, ";") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// canonical resolves what apps may resolve in a decoded path: `//`, `.`, `..`, a slash or space at
// the end, and case.
func canonical(path string) string {
	var segments []string
	for segment := range strings.SplitSeq(strings.TrimSpace(path), "/") {
		switch segment {
		case "", ".":
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		default:
			segments = append(segments, strings.ToLower(segment))
		}
	}
	return "/" + strings.Join(segments, "/")
}

// unescaped undoes percent encoding (RFC 3986 section 2.1) where it is one.
func unescaped(path string) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			high := strings.IndexByte(digits, path[i+1]|0x20)
			low := strings.IndexByte(digits, path[i+2]|0x20)
			if high >= 0 && low >= 0 {
				text = append(text, byte(high<<4|low))
				i += 2
				continue
			}
		}
		text = append(text, path[i])
	}
	return string(text)
}
