package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/test/lambda"
)

// disputed names the vectors that the adapter is not held to: number, reason and source. They are run all the same,
// and one that passes must leave the list.
var disputed = map[int]string{}

// vectorFile is testdata/adapter-vectors.jsonl: base events, defaults, and one expectation a line.
type vectorFile struct {
	bases    map[string]json.RawMessage
	defaults defaults
	vectors  []vector
}

type defaults struct {
	Next map[string]string `json:"next"`
	Env  map[string]string `json:"env"`
}

// vector is one line. A member that is not here, or is not looked at by the test of its section, fails the test.
type vector struct {
	N      int                `json:"n"`
	Title  string             `json:"t"`
	Ref    json.RawMessage    `json:"ref"`  // what the reference does, for the reader
	Note   string             `json:"note"` // for the reader
	Event  string             `json:"ev"`   // 4.1: a base event, raw:TEXT, or raw-each:ARRAY
	Set    json.RawMessage    `json:"set"`
	Del    []string           `json:"del"`
	Next   map[string]*string `json:"next"`
	Env    map[string]*string `json:"env"`
	For    string             `json:"for"` // 4.2, 4.3: a base event, or PASS
	Method string             `json:"method"`
	ReqH   map[string]string  `json:"req_h"`
	App    *appReply          `json:"app"`
	Given  *members           `json:"given"` // 4.4
	Want   *members           `json:"want"`
	file   *vectorFile        `json:"-"`
}

func TestVectors(t *testing.T) {
	file := readVectors(t)
	seen := map[int]bool{}
	for _, v := range file.vectors {
		if seen[v.N] {
			t.Errorf("vector %d is there twice", v.N)
		}
		seen[v.N] = true
		t.Run(fmt.Sprintf("%d %s", v.N, v.Title), func(t *testing.T) {
			t.Parallel()
			if reason, ok := disputed[v.N]; ok {
				t.Skipf("disputed: %s", reason)
			}
			v.run(t)
			for _, left := range append(v.Want.unread(), v.Given.unread()...) {
				t.Errorf("the test does not understand member %q of the vector", left)
			}
		})
	}
	for n := range disputed {
		if !seen[n] {
			t.Errorf("vector %d is disputed and does not exist", n)
		}
	}
}

// run tells the sections of the file apart by the members that only they have.
func (v vector) run(t *testing.T) {
	switch {
	case v.Event != "":
		v.runRequest(t)
	case v.For != "" && v.Want.has("statusCode", "raw", "POST") && !v.streams():
		v.runReply(t)
	case v.For != "" && v.streams():
		v.runStream(t)
	case v.Given != nil:
		v.runProtocol(t)
	case v.Env != nil:
		v.runSettings(t)
	default:
		t.Fatal("the vector belongs to no known section")
	}
}

// firstStream and lastStream bound the section on streaming replies, whose vectors have no member of their own.
const firstStream, lastStream = 113, 123

func (v vector) streams() bool { return v.N >= firstStream && v.N <= lastStream }

func readVectors(t *testing.T) *vectorFile {
	t.Helper()
	content, err := os.ReadFile("testdata/adapter-vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	file := &vectorFile{bases: map[string]json.RawMessage{}}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		if err := file.add(lines.Bytes()); err != nil {
			t.Fatalf("line %d: %v", number, err)
		}
	}
	if len(file.vectors) == 0 || len(file.bases) == 0 || file.defaults.Next == nil {
		t.Fatal("the file lacks vectors, base events or defaults")
	}
	return file
}

func (f *vectorFile) add(line []byte) error {
	var kind struct {
		Base     string
		Event    json.RawMessage
		Defaults *defaults
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	switch {
	case kind.Base != "":
		f.bases[kind.Base] = kind.Event
		return nil
	case kind.Defaults != nil:
		f.defaults = *kind.Defaults
		return nil
	}
	v := vector{file: f, Want: &members{}}
	strict := json.NewDecoder(bytes.NewReader(line))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&v); err != nil {
		return err
	}
	f.vectors = append(f.vectors, v)
	return nil
}

// members is an object that knows which of its members were read.
type members struct {
	all  map[string]json.RawMessage
	read map[string]bool
}

func (m *members) UnmarshalJSON(text []byte) error {
	m.read = map[string]bool{}
	return json.Unmarshal(text, &m.all)
}

func (m *members) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return m.all[name] != nil })
}

// get decodes a member into target and tells whether it is there.
func (m *members) get(t testing.TB, name string, target any) bool {
	t.Helper()
	text, ok := m.all[name]
	if !ok {
		return false
	}
	m.read[name] = true
	if err := json.Unmarshal(text, target); err != nil {
		t.Fatalf("member %q of the vector: %v", name, err)
	}
	return true
}

func (m *members) unread() []string {
	if m == nil {
		return nil
	}
	var left []string
	for _, name := range slices.Sorted(maps.Keys(m.all)) {
		if !m.read[name] {
			left = append(left, name)
		}
	}
	return left
}

// environment prepares an environment with the vector's variables. Address literals of the contract are moved to this
// test's ports.
func (v vector) environment(t testing.TB) *environment {
	e := newEnvironment(t)
	maps.Copy(e.variables, v.file.defaults.Env)
	for name, value := range v.Env {
		if value == nil {
			delete(e.variables, name)
		} else {
			e.variables[name] = *value
		}
	}
	return e
}

// invocation makes an invocation with the file's default headers, changed as the vector says.
func (v vector) invocation(event []byte) *lambda.Invocation {
	headers := maps.Clone(v.file.defaults.Next)
	for name, value := range v.Next {
		if value == nil {
			delete(headers, name)
		} else {
			headers[name] = *value
		}
	}
	i := lambda.NewInvocation(headers["Lambda-Runtime-Aws-Request-Id"], event, time.Time{})
	delete(headers, "Lambda-Runtime-Aws-Request-Id")
	i.Header = nil
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		i.Header = append(i.Header, lambda.Field{Name: name, Value: headers[name]})
	}
	return i
}

// payloads returns the events that the vector stands for.
func (v vector) payloads(t testing.TB) [][]byte {
	if text, ok := strings.CutPrefix(v.Event, "raw:"); ok {
		return [][]byte{[]byte(text)}
	}
	if text, ok := strings.CutPrefix(v.Event, "raw-each:"); ok {
		var values []json.RawMessage
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		var payloads [][]byte
		for _, value := range values {
			payloads = append(payloads, value)
		}
		return payloads
	}
	base, ok := v.file.bases[v.Event]
	if !ok {
		t.Fatalf("no base event %q", v.Event)
	}
	event := base
	changes, err := decodeOrdered(v.Set)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		if event, err = setMember(event, strings.Split(change.name, "."), change.value); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range v.Del {
		if event, err = setMember(event, strings.Split(path, "."), nil); err != nil {
			t.Fatal(err)
		}
	}
	return [][]byte{event}
}

// member is a name and a value of a JSON object whose order matters.
type member struct {
	name  string
	value json.RawMessage
}

// decodeOrdered returns the members of an object in the order of the text. A name that is there twice is an error.
func decodeOrdered(text json.RawMessage) ([]member, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	in := json.NewDecoder(bytes.NewReader(text))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%.60s is not an object", text)
	}
	var all []member
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := in.Decode(&m.value); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other member) bool { return other.name == m.name }) {
			return nil, fmt.Errorf("member %q is there twice", m.name)
		}
		all = append(all, m)
	}
	return all, nil
}

// setMember replaces the member at path, making objects on the way; a nil value removes it. The other members keep
// their order and their text.
func setMember(object json.RawMessage, path []string, value json.RawMessage) (json.RawMessage, error) {
	all, err := decodeOrdered(object)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(m member) bool { return m.name == path[0] })
	if at < 0 && value != nil {
		at, all = len(all), append(all, member{name: path[0]})
	}
	switch {
	case at < 0:
	case len(path) > 1:
		if all[at].value, err = setMember(all[at].value, path[1:], value); err != nil {
			return nil, err
		}
	case value == nil:
		all = slices.Delete(all, at, at+1)
	default:
		all[at].value = value
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%s:%s", quote(m.name), m.value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// checkJSON asserts that the members of want are in got with equal values.
func checkJSON(t testing.TB, what string, got []byte, want map[string]any) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(got, &all); err != nil {
		t.Fatalf("%s is not a JSON object: %v in %.300q", what, err, got)
	}
	for name, value := range want {
		member, ok := all[name]
		if !ok {
			t.Errorf("%s has no member %q: %.300s", what, name, got)
		} else if !reflect.DeepEqual(member, value) {
			t.Errorf("%s: member %q is %v, want %v", what, name, member, value)
		}
	}
}
