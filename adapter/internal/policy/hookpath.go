package policy

import "strings"

// HookMistake says why the path of a SnapStart hook cannot be kept from clients without keeping
// them from something else, or is read by servers in more than one way; it is empty for a path that
// can be guarded. taken are paths that have a meaning of their own, by name.
func HookMistake(path string, taken map[string]string) string {
	plain := unescaped(path)
	switch {
	case hasBadEscape(path):
		return "it has a percent sign that is no escape"
	case strings.ContainsFunc(plain, func(r rune) bool { return r == '%' || r == '?' || r == '#' || r == ';' }):
		return "it has one of % ? # ; which servers read in different ways"
	}
	meaning := canonical(plain)
	if meaning == "/" {
		return "it means the root, which clients ask for"
	}
	for name, other := range taken {
		other, _, _ = strings.Cut(other, "?")
		if meaning == canonical(unescaped(other)) {
			return "it is " + name + " too"
		}
	}
	return ""
}

func hasBadEscape(path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && (i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2])) {
			return true
		}
	}
	return false
}

func isHex(b byte) bool { return b-'0' <= 9 || b|0x20 >= 'a' && b|0x20 <= 'f' }
