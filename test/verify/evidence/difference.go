package evidence

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference is something that two runs saw differently in one check.
type Difference struct {
	Check string
	What  string // "verdict", "fact NAME", "answer 1: status"
	A, B  string
}

// Compare lists what two runs saw differently in the checks that both have made. What they skipped is no difference.
func Compare(a, b []Record) []Difference {
	others := map[string]Record{}
	for _, record := range b {
		others[record.Check] = record
	}
	var all []Difference
	for _, one := range a {
		other, ok := others[one.Check]
		if !ok || one.Verdict == Skip || other.Verdict == Skip {
			continue
		}
		for _, d := range compare(one, other) {
			d.Check = one.Check
			all = append(all, d)
		}
	}
	return all
}

func compare(a, b Record) []Difference {
	var all []Difference
	note := func(what, a, b string) {
		if a != b {
			all = append(all, Difference{What: what, A: a, B: b})
		}
	}
	note("verdict", a.Verdict, b.Verdict)
	for _, name := range keys(a.Facts, b.Facts) {
		note("fact "+name, a.Facts[name], b.Facts[name])
	}
	if a.Unordered || b.Unordered {
		return all
	}
	note("number of requests", fmt.Sprint(len(a.Exchanges)), fmt.Sprint(len(b.Exchanges)))
	for i := range min(len(a.Exchanges), len(b.Exchanges)) {
		one, other := a.Exchanges[i].Answer, b.Exchanges[i].Answer
		which := fmt.Sprintf("answer %d: ", i+1)
		note(which+"status", one.Line, other.Line)
		note(which+"whole", fmt.Sprint(one.Broken == ""), fmt.Sprint(other.Broken == ""))
		_, report := requestOf(one.Body)
		for _, name := range keys(one.Headers, other.Headers) {
			if report && strings.HasSuffix(name, "Content-Length") {
				continue // the app's report has its process in it
			}
			note(which+name, strings.Join(one.Headers[name], " | "), strings.Join(other.Headers[name], " | "))
		}
		for _, d := range compareBodies(one.Body, other.Body) {
			note(which+d.What, d.A, d.B)
		}
	}
	return all
}

// compareBodies compares reports of the app member by member, and only what they say of the request.
func compareBodies(a, b string) []Difference {
	one, ok := requestOf(a)
	other, both := requestOf(b)
	if !ok || !both {
		return []Difference{{What: "body", A: a, B: b}}
	}
	var all []Difference
	for _, name := range keys(one, other) {
		all = append(all, Difference{What: "the app's " + name, A: one[name], B: other[name]})
	}
	return all
}

func requestOf(body string) (map[string]string, bool) {
	var report struct {
		Request map[string]any `json:"request"`
		Process map[string]any `json:"process"`
	}
	if json.Unmarshal([]byte(body), &report) != nil || report.Process == nil {
		return nil, false
	}
	flat := map[string]string{}
	flatten(flat, "", report.Request)
	return flat, true
}

// flatten gives each value its path. JSON within a text, as in the context headers, is taken apart too.
func flatten(into map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			flatten(into, strings.TrimPrefix(path+"."+name, "."), member)
		}
	case []any:
		if len(v) == 1 {
			flatten(into, path, v[0])
			return
		}
		text, _ := json.Marshal(v)
		into[path] = string(text)
	case string:
		var inner map[string]any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
			flatten(into, path, inner)
			return
		}
		into[path] = v
	default:
		into[path] = fmt.Sprint(v)
	}
}

func keys[V any](a, b map[string]V) []string {
	all := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, ok := a[name]; !ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
