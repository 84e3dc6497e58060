package rawjson

import "bytes"

// Value is the text of one valid JSON value without white space around it. An absent value is nil.
type Value []byte

// IsString reports whether v is a JSON string.
func (v Value) IsString() bool { return len(v) >= 2 && v[0] == '"' }

// IsObject reports whether v is a JSON object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// IsArray reports whether v is a JSON array.
func (v Value) IsArray() bool { return len(v) > 0 && v[0] == '[' }

// IsNull reports whether v is absent or null.
func (v Value) IsNull() bool { return len(v) == 0 || v[0] == 'n' }

// IsTrue reports whether v is true.
func (v Value) IsTrue() bool { return len(v) > 0 && v[0] == 't' }

// AppendText appends a string's decoded text, or the literal text of a number or boolean. Null,
// arrays and objects have no text.
func (v Value) AppendText(dst []byte) []byte {
	switch {
	case v.IsString():
		return appendDecoded(dst, v[1:len(v)-1])
	case v.IsNull(), v.IsArray(), v.IsObject():
		return dst
	}
	return append(dst, v...)
}

// DecodeInPlace decodes a string over its own bytes and returns the text, which is never longer
// than the JSON. The value must not be used again.
func (v Value) DecodeInPlace() []byte {
	if !v.IsString() {
		return nil
	}
	inner := v[1 : len(v)-1]
	first := bytes.IndexByte(inner, '\\')
	if first < 0 {
		return inner
	}
	return decodeInPlace(inner, first)
}

// Members walks the members of an object:
//
//	for m := rawjson.MembersOf(v); m.Next(); {
//		use(m.Name, m.Value)
//	}
//
// A value that is not an object has no members.
type Members struct {
	Name  []byte // decoded
	Value Value

	data []byte
	next int
}

// MembersOf starts a walk over v.
func MembersOf(v Value) Members {
	if !v.IsObject() {
		return Members{}
	}
	return Members{data: v, next: 1}
}

// Next goes to the next member; it returns false at the end.
func (m *Members) Next() bool {
	start := SkipSpace(m.data, m.next)
	if start >= len(m.data) || m.data[start] != '"' {
		return false
	}
	end, _ := stringEnd(m.data, start)
	m.Name = m.data[start+1 : end-1]
	if bytes.IndexByte(m.Name, '\\') >= 0 {
		m.Name = appendDecoded(nil, m.Name)
	}
	colon := SkipSpace(m.data, end)
	m.Value, m.next = valueAt(m.data, colon+1)
	return true
}

// Elements walks the elements of an array, or yields a value that is not an array as its own single
// element. Null has no elements.
type Elements struct {
	Value Value

	data   []byte
	next   int
	single bool
}

// ElementsOf starts a walk over v.
func ElementsOf(v Value) Elements {
	switch {
	case v.IsNull():
		return Elements{}
	case v.IsArray():
		return Elements{data: v, next: 1}
	}
	return Elements{data: v, single: true}
}

// Next goes to the next element; it returns false at the end.
func (e *Elements) Next() bool {
	if e.single {
		e.Value, e.data, e.single = e.data, nil, false
		return true
	}
	start := SkipSpace(e.data, e.next)
	if start >= len(e.data) || e.data[start] == ']' {
		return false
	}
	e.Value, e.next = valueAt(e.data, start)
	return true
}

// valueAt cuts out the value at or after i of valid JSON and returns the index behind the comma
// that follows it.
func valueAt(data []byte, i int) (v Value, next int) {
	start := SkipSpace(data, i)
	end, _ := ValueEnd(data, start)
	next = SkipSpace(data, end)
	if next < len(data) && data[next] == ',' {
		next++
	}
	return Value(data[start:end]), next
}

// Scan walks the top-level members of a whole JSON document and checks the document on the way. It
// returns false if the document is not a valid JSON object; visit may then have seen some members
// of it.
func Scan(data []byte, visit func(name []byte, value Value)) bool {
	i := SkipSpace(data, 0)
	if i >= len(data) || data[i] != '{' {
		return false
	}
	if i = SkipSpace(data, i+1); i < len(data) && data[i] == '}' {
		return SkipSpace(data, i+1) == len(data)
	}
	for {
		nameStart := SkipSpace(data, i)
		valueStart, ok := memberName(data, nameStart)
		if !ok {
			return false
		}
		valueStart = SkipSpace(data, valueStart)
		end, ok := ValueEnd(data, valueStart)
		if !ok {
			return false
		}
		visit(nameAt(data, nameStart), Value(data[valueStart:end]))
		i = SkipSpace(data, end)
		if i >= len(data) {
			return false
		}
		switch data[i] {
		case ',':
			i++
		case '}':
			return SkipSpace(data, i+1) == len(data)
		default:
			return false
		}
	}
}

func nameAt(data []byte, start int) []byte {
	end, _ := stringEnd(data, start)
	name := data[start+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		return appendDecoded(nil, name)
	}
	return name
}
