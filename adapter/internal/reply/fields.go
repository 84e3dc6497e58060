package reply

import (
	"bytes"
	"strconv"

	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/policy"
	"lambda-web/adapter/internal/rawjson"
)

// collect takes over the fields that the client may see: not those about the connection between app
// and adapter, nor those that its Connection lists (RFC 9110 section 7.6.1), nor a length that is
// not the body's.
func (e *Encoder) collect(r *Response) {
	e.fields, e.values = e.fields[:0], e.values[:0]
	listed := false
	for i := range r.Fields {
		f := r.Fields[i]
		switch {
		case !policy.FromApp(f.Name):
			listed = listed || string(f.Name) == "connection" && !isPlainConnection(f.Value)
			continue
		case string(f.Name) == "content-length" && (e.has("content-length") || !r.keepsLength(f.Value)):
			continue
		case len(r.Prefix) > 0 || r.Secure:
			f.Value = e.belowPrefix(r, f)
		}
		e.fields = append(e.fields, f)
	}
	if listed {
		e.dropListed(r)
	}
}

func isPlainConnection(value []byte) bool {
	return http1.EqualFold(value, "close") || http1.EqualFold(value, "keep-alive")
}

// dropListed leaves out the fields that the Connection header lists.
func (e *Encoder) dropListed(r *Response) {
	for _, f := range r.Fields {
		if string(f.Name) != "connection" {
			continue
		}
		for option := range bytes.SplitSeq(f.Value, []byte{','}) {
			option = bytes.TrimSpace(option)
			kept := e.fields[:0]
			for _, other := range e.fields {
				if !bytes.EqualFold(other.Name, option) {
					kept = append(kept, other)
				}
			}
			e.fields = kept
		}
	}
}

// keepsLength: HEAD and 304 announce the length of a body that is not sent; any other length must
// be the body's.
func (r *Response) keepsLength(value []byte) bool {
	if r.Head || r.Status == 304 {
		return true
	}
	if r.Length < 0 {
		return false
	}
	var digits [20]byte
	return bytes.Equal(value, strconv.AppendInt(digits[:0], r.Length, 10))
}

func (e *Encoder) has(name string) bool { return e.get(name) != nil }

// get returns the first value of a field, nil if there is none.
func (e *Encoder) get(name string) []byte {
	for i := range e.fields {
		if string(e.fields[i].Name) == name {
			return e.fields[i].Value
		}
	}
	return nil
}

func (e *Encoder) remove(name string) {
	kept := e.fields[:0]
	for _, f := range e.fields {
		if string(f.Name) != name {
			kept = append(kept, f)
		}
	}
	e.fields = kept
}

// isRepeat reports whether a field of the same name came earlier.
func (e *Encoder) isRepeat(i int) bool {
	name := e.fields[i].Name
	for j := range i {
		if bytes.Equal(e.fields[j].Name, name) {
			return true
		}
	}
	return false
}

// cookieStyle is what becomes of Set-Cookie, the one field whose values cannot be joined (RFC 6265
// section 3).
type cookieStyle uint8

const (
	cookiesJoined  cookieStyle = iota
	cookiesApart               // left out here, listed in the member cookies
	cookiesInCases             // one name each, in different spellings
)

// appendJoined writes an object with one text per name; the values of a repeated field are joined
// with a comma (RFC 9110 section 5.3).
func (e *Encoder) appendJoined(dst []byte, style cookieStyle) []byte {
	dst = append(dst, '{')
	first, cookies := true, 0
	for i := range e.fields {
		name := e.fields[i].Name
		isCookie := style != cookiesJoined && string(name) == "set-cookie"
		if isCookie && style == cookiesApart || !isCookie && e.isRepeat(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, '"'), name...)
		if isCookie {
			spell(dst[len(dst)-len(name):], cookies)
			cookies++
			dst = append(dst, '"', ':', '"')
			dst = append(rawjson.AppendFieldText(dst, e.fields[i].Value), '"')
			continue
		}
		dst = append(dst, '"', ':', '"')
		dst = append(e.appendValues(dst, i), '"')
	}
	return append(dst, '}')
}

// appendValues joins the values of field i and its repeats.
func (e *Encoder) appendValues(dst []byte, i int) []byte {
	dst = rawjson.AppendFieldText(dst, e.fields[i].Value)
	for j := i + 1; j < len(e.fields); j++ {
		if bytes.Equal(e.fields[j].Name, e.fields[i].Name) {
			dst = append(dst, ", "...)
			dst = rawjson.AppendFieldText(dst, e.fields[j].Value)
		}
	}
	return dst
}

// spell gives the n-th name its own spelling: the bits of n are the letters in upper case.
func spell(name []byte, n int) {
	for i := 0; n > 0 && i < len(name); i++ {
		if name[i] < 'a' || name[i] > 'z' {
			continue
		}
		if n&1 == 1 {
			name[i] -= 'a' - 'A'
		}
		n >>= 1
	}
}

// appendMulti writes an object with a list of values per name.
func (e *Encoder) appendMulti(dst []byte, style cookieStyle) []byte {
	dst = append(dst, '{')
	first := true
	for i := range e.fields {
		name := e.fields[i].Name
		if style == cookiesApart && string(name) == "set-cookie" || e.isRepeat(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), name...), `":`...)
		dst = e.appendList(dst, name)
	}
	return append(dst, '}')
}

// appendList writes the values of one field as an array of texts.
func (e *Encoder) appendList(dst, name []byte) []byte {
	dst = append(dst, '[')
	first := true
	for i := range e.fields {
		if !bytes.Equal(e.fields[i].Name, name) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(rawjson.AppendFieldText(append(dst, '"'), e.fields[i].Value), '"')
	}
	return append(dst, ']')
}
