package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"lambda-web/secrets/reference"
)

func TestPart(t *testing.T) {
	for _, c := range []struct{ value, key, want, wrong string }{
		{"plain", "", "plain", ""},
		{"", "", "", ""},
		{`{"a":"b"}`, "", `{"a":"b"}`, ""},
		{`{"a":"b","n":12345678901234567890,"t":true,"e":""}`, "a", "b", ""},
		{`{"n":12345678901234567890}`, "n", "12345678901234567890", ""},
		{`{"t":true}`, "t", "true", ""},
		{`{"e":""}`, "e", "", ""},
		{`{"hidden":"value","b":"c"}`, "x", "", `has no key "x"; it has b, hidden`},
		{"hidden", "x", "", "is not a JSON object"},
		{`["hidden"]`, "x", "", "is not a JSON object"},
		{`{"x":{"y":"hidden"}}`, "x", "", "neither a text nor a number nor a boolean"},
		{"hidden\x00", "", "", "zero byte"},
		{`{"x":"hidden\u0000"}`, "x", "", "zero byte"},
	} {
		got, err := part(c.value, reference.Reference{ID: "shop", Key: c.key})
		if c.wrong == "" && (err != nil || got != c.want) {
			t.Errorf("%q of %q is %q, %v; want %q", c.key, c.value, got, err, c.want)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%q of %q: %v, want %q", c.key, c.value, err, c.wrong)
		}
		if err != nil && strings.Contains(strings.ReplaceAll(err.Error(), "b, hidden", ""), "hidden") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

// TestAllThatFails: each of many references that fail, when it is read or when it is fetched, is named, in order.
func TestAllThatFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wanted := map[string]string{}
	for i := range 200 {
		wanted[fmt.Sprintf("FETCHED%03d", i)] = fmt.Sprintf("/shop/%d", i)
		wanted[fmt.Sprintf("READ%03d", i)] = "#"
	}
	_, err := fetchAll(ctx, newStores([]string{"AWS_REGION=eu-central-1"}), wanted)
	if err == nil {
		t.Fatal("there are values")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, name := range slices.Sorted(maps.Keys(wanted)) {
		if len(lines) != len(wanted) || !strings.HasPrefix(lines[i], name+": ") {
			t.Fatalf("%d lines, %q of them is not about %s", len(lines), lines[min(i, len(lines)-1)], name)
		}
	}
}

// FuzzPart: whatever a store holds gives a value that an environment can have, or an error.
func FuzzPart(f *testing.F) {
	f.Add(`{"a":"b"}`, "a")
	f.Add("x", "")
	f.Add(`{"a":{"b":1}}`, "a")
	f.Add("\x00", "")
	f.Fuzz(func(t *testing.T, value, key string) {
		if got, err := part(value, reference.Reference{ID: "shop", Key: key}); err == nil && strings.ContainsRune(got,
			0) {
			t.Errorf("%q of %q is %q", key, value, got)
		}
	})
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		environment         string
		store, region, want string
	}{
		{"", reference.SecretsManager, "eu-central-1", "https://secretsmanager.eu-central-1.amazonaws.com/"},
		{"", reference.ParameterStore, "cn-north-1", "https://ssm.cn-north-1.amazonaws.com.cn/"},
		{"AWS_ENDPOINT_URL=http://all", reference.ParameterStore, "eu-central-1", "http://all/"},
		{"AWS_ENDPOINT_URL=http://all AWS_ENDPOINT_URL_SSM=http://one/", reference.ParameterStore, "eu-central-1",
			"http://one/"},
		{"AWS_ENDPOINT_URL_SSM=http://one/", reference.SecretsManager, "eu-central-1",
			"https://secretsmanager.eu-central-1.amazonaws.com/"},
	} {
		if got := newStores(strings.Fields(c.environment)).endpoint(c.store, c.region); got != c.want {
			t.Errorf("%s in %s with %q: %s, want %s", c.store, c.region, c.environment, got, c.want)
		}
	}
}

// TestWithoutReferences: nobody is asked, and the environment is the app's own.
func TestWithoutReferences(t *testing.T) {
	given := []string{"A=1", reference.Variable + "=", "B=2"}
	got, err := withSecrets(t.Context(), given)
	if err != nil || !slices.Equal(got, []string{"A=1", "B=2"}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := withSecrets(t.Context(), []string{reference.Variable + "=[]"}); err == nil {
		t.Error("a list is taken for references")
	}
}
