package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// jsonReader reads one JSON document (RFC 8259) piece by piece, without building values: answers of functions are up to
// 6 MB, nearly all of it one string, and that string is handed out without being copied when it has no escapes. It
// accepts exactly what encoding/json accepts.
type jsonReader struct {
	data  []byte
	at    int
	depth int
}

const maxJSONDepth = 10000 // as in encoding/json

var errJSONEnd = errors.New("the JSON ends early")

func (r *jsonReader) unexpected() error {
	if r.at >= len(r.data) {
		return errJSONEnd
	}
	return fmt.Errorf("byte %d of the JSON is %q, which does not belong there", r.at, r.data[r.at])
}

// kind skips white space and says what comes: one of { [ " t f n 0 (any number), or 0 for anything else.
func (r *jsonReader) kind() byte {
	for r.at < len(r.data) {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		case '{', '[', '"', 't', 'f', 'n':
			return c
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			return '0'
		default:
			return 0
		}
	}
	return 0
}

// punctuation takes a character if it comes next.
func (r *jsonReader) punctuation(c byte) bool {
	r.kind()
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// end makes sure that nothing follows.
func (r *jsonReader) end() error {
	r.kind()
	if r.at < len(r.data) {
		return r.unexpected()
	}
	return nil
}

// object calls member for each member; member must read the value.
func (r *jsonReader) object(member func(name string) error) error {
	return r.sequence('{', '}', func() error {
		if r.kind() != '"' {
			return r.unexpected()
		}
		name, err := r.text()
		if err != nil {
			return err
		}
		if !r.punctuation(':') {
			return r.unexpected()
		}
		return member(string(name))
	})
}

// array calls element for each element; element must read it.
func (r *jsonReader) array(element func() error) error {
	return r.sequence('[', ']', element)
}

func (r *jsonReader) sequence(begin, end byte, item func() error) error {
	if !r.punctuation(begin) {
		return r.unexpected()
	}
	if r.depth++; r.depth > maxJSONDepth {
		return errors.New("the JSON is nested too deeply")
	}
	defer func() { r.depth-- }()
	if r.punctuation(end) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if r.punctuation(end) {
			return nil
		}
		if !r.punctuation(',') {
			return r.unexpected()
		}
	}
}

// text reads a string. The result is part of the document unless the string has escapes or bytes that are not UTF-8.
func (r *jsonReader) text() ([]byte, error) {
	start := r.at + 1
	plain := true
	for i := start; i < len(r.data); i++ {
		for i < len(r.data)-1 && standsForItself[r.data[i]] {
			i++
		}
		switch c := r.data[i]; {
		case c == '"':
			r.at = i + 1
			if plain {
				return r.data[start:i], nil
			}
			return unquote(r.data[start-1 : i+1])
		case c == '\\':
			plain = false
			i++
		case c >= utf8.RuneSelf:
			plain = plain && validRun(r.data, &i)
		case c < ' ':
			r.at = i
			return nil, r.unexpected()
		}
	}
	r.at = len(r.data)
	return nil, errJSONEnd
}

// validRun moves to the last byte of the rune at i.
func validRun(data []byte, i *int) bool {
	c, size := utf8.DecodeRune(data[*i:])
	*i += size - 1
	return c != utf8.RuneError || size > 1
}

// unquote decodes a string that is more than its bytes.
func unquote(quoted []byte) ([]byte, error) {
	var decoded string
	if err := json.Unmarshal(quoted, &decoded); err != nil {
		return nil, err
	}
	return []byte(decoded), nil
}

// scalar reads a string, a number, true, false or null and says which by the kind. Text is without its quotes.
func (r *jsonReader) scalar() (value []byte, kind byte, err error) {
	kind = r.kind()
	start := r.at
	switch kind {
	case '"':
		value, err = r.text()
		return value, kind, err
	case 't':
		err = r.literal("true")
	case 'f':
		err = r.literal("false")
	case 'n':
		err = r.literal("null")
	case '0':
		err = r.number()
	default:
		err = r.unexpected()
	}
	if err != nil {
		return nil, kind, err
	}
	return r.data[start:r.at], kind, nil
}

func (r *jsonReader) literal(word string) error {
	for i := range len(word) {
		if r.at >= len(r.data) || r.data[r.at] != word[i] {
			return r.unexpected()
		}
		r.at++
	}
	return nil
}

func (r *jsonReader) number() error {
	if r.data[r.at] == '-' {
		r.at++
	}
	if r.at < len(r.data) && r.data[r.at] == '0' {
		r.at++
	} else if !r.digits() {
		return r.unexpected()
	}
	if r.at < len(r.data) && r.data[r.at] == '.' {
		r.at++
		if !r.digits() {
			return r.unexpected()
		}
	}
	if r.at < len(r.data) && r.data[r.at]|0x20 == 'e' {
		r.at++
		if r.at < len(r.data) && (r.data[r.at] == '+' || r.data[r.at] == '-') {
			r.at++
		}
		if !r.digits() {
			return r.unexpected()
		}
	}
	return nil
}

func (r *jsonReader) digits() bool {
	start := r.at
	for r.at < len(r.data) && '0' <= r.data[r.at] && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// skip reads a value of any kind.
func (r *jsonReader) skip() error {
	switch r.kind() {
	case '{':
		return r.object(func(string) error { return r.skip() })
	case '[':
		return r.array(r.skip)
	}
	_, _, err := r.scalar()
	return err
}
