package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lambda-web/deploy/stack/stacktest"
)

// account has versions 1 to 6, of which 6 is new, and two aliases. Calls to delete are noted.
func account(t *testing.T, refused string) (handler http.HandlerFunc, deleted *[]string) {
	deleted = &[]string{}
	old := time.Now().Add(-48 * time.Hour).UTC().Format("2006-01-02T15:04:05.000-0700")
	young := time.Now().Add(-time.Minute).UTC().Format("2006-01-02T15:04:05.000-0700")
	page := func(versions ...string) map[string]any {
		var list []any
		for _, v := range versions {
			modified := old
			if v == "6" {
				modified = young
			}
			list = append(list, map[string]any{"Version": v, "LastModified": modified, "MemorySize": 1024,
				"SnapStart": map[string]any{"ApplyOn": "PublishedVersions",
					"OptimizationStatus": map[bool]string{true: "On", false: "Off"}[v != "1"]}})
		}
		return map[string]any{"Versions": list}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "DELETE" && r.URL.Query().Get("Qualifier") == refused:
			w.Header().Set("X-Amzn-Errortype", "ResourceConflictException")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"Message": "an alias points at it"}`)
		case r.Method == "DELETE":
			*deleted = append(*deleted, r.URL.Query().Get("Qualifier"))
			w.WriteHeader(http.StatusNoContent)
		case strings.HasSuffix(r.URL.Path, "/versions") && r.URL.Query().Get("Marker") == "":
			first := page("$LATEST", "1", "2", "3")
			first["NextMarker"] = "more"
			json.NewEncoder(w).Encode(first)
		case strings.HasSuffix(r.URL.Path, "/versions"):
			json.NewEncoder(w).Encode(page("4", "5", "6"))
		case strings.HasSuffix(r.URL.Path, "/aliases"):
			fmt.Fprint(w, `{"Aliases": [{"Name": "live", "FunctionVersion": "5", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}},
				{"Name": "live-stream", "FunctionVersion": "3"}]}`)
		default:
			t.Errorf("the account was asked for %s %s", r.Method, r.URL)
		}
	}, deleted
}

// What is deleted, for each reason to keep something.
func TestPrune(t *testing.T) {
	tests := []struct {
		name     string
		settings map[string]string
		args     []string
		answer   string
		deleted  []string
		says     []string
		fails    string
	}{
		{"what nothing points at", nil, []string{"-keep", "1"}, "y\n", []string{"1", "4"},
			[]string{"2  ", "alias live, by weight", "alias live-stream", "one of the newest",
				"may go, its snapshot costs $3.95 a month", "What may go costs $3.95 a month.",
				"Delete 2 versions?", "Deleted version 4"}, ""},
		{"the newest stay", nil, []string{"-keep", "3", "-yes"}, "", []string{"1"}, nil, ""},
		{"liveVersion stays", map[string]string{"liveVersion": "1"}, []string{"-keep", "1", "-yes"}, "",
			[]string{"4"}, []string{"liveVersion"}, ""},
		{"nobody agrees", nil, []string{"-keep", "1"}, "\n", nil, nil, "nothing was deleted"},
		{"nobody is there", nil, []string{"-keep", "1"}, "", nil, nil, "nothing was deleted"},
		{"nothing to delete", nil, []string{"-keep", "6"}, "", nil, []string{"There is nothing to delete."}, ""},
		{"more than there are images", map[string]string{"imageRetention": "4"}, []string{"-keep", "5"}, "",
			nil, nil, "imageRetention keeps 4 images"},
		{"none", nil, []string{"-keep", "0"}, "", nil, nil, "-keep is 0; it must be 1 or more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handler, deleted := account(t, "")
			stacktest.Use(t, test.settings, handler)
			var out bytes.Buffer
			err := run(t.Context(), test.args, strings.NewReader(test.answer), &out)
			if fmt.Sprint(err) != test.fails && (test.fails != "" || err != nil) &&
				!strings.Contains(fmt.Sprint(err), test.fails) {
				t.Errorf("it ends with %v, want %q", err, test.fails)
			}
			if (err == nil) != (test.fails == "") || !slices.Equal(*deleted, test.deleted) {
				t.Errorf("deleted %v, want %v; %v", *deleted, test.deleted, err)
			}
			for _, text := range test.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("it does not say %q:\n%s", text, &out)
				}
			}
		})
	}
}

// A young version may be part of a deployment that is under way.
func TestYoungVersionStays(t *testing.T) {
	handler, deleted := account(t, "")
	p := version{number: 6}
	if p.costText() != "" {
		t.Error("a version without a snapshot costs nothing")
	}
	stacktest.Use(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/versions") &&
			r.URL.Query().Get("Marker") != "" { // a newer one hides 6 from -keep 1
			now := time.Now().UTC().Format("2006-01-02T15:04:05.000-0700")
			fmt.Fprintf(w,
				`{"Versions": [{"Version": "6", "LastModified": %q}, {"Version": "7", "LastModified": %q}]}`,
				now, now)
			return
		}
		handler(w, r)
	})
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-keep", "1", "-yes"}, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(*deleted, []string{"1"}) || !strings.Contains(out.String(), "younger than an hour") {
		t.Errorf("deleted %v\n%s", *deleted, &out)
	}
}

// An alias that has moved meanwhile keeps its version, and the others go.
func TestMovedMeanwhile(t *testing.T) {
	handler, deleted := account(t, "1")
	stacktest.Use(t, nil, handler)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-keep", "1", "-yes"}, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(*deleted, []string{"4"}) || !strings.Contains(out.String(),
		"Kept version 1: an alias points at it") {
		t.Errorf("deleted %v\n%s", *deleted, &out)
	}
}
