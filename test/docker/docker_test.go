package docker

import (
	"slices"
	"testing"
)

func TestBases(t *testing.T) {
	for _, test := range []struct {
		name, dockerfile string
		want             []string
	}{
		{"one", "FROM python:3.13-slim\n", []string{"python:3.13-slim"}},
		{"an argument's default", "ARG BASE=node:24\nFROM ${BASE}\n", []string{"node:24"}},
		{"an argument without one", "ARG BASE\nFROM $BASE\n", nil},
		{"stages", "FROM golang:1 AS build\nFROM build AS test\nFROM scratch\nCOPY --from=build /x /x\n",
			[]string{"golang:1"}},
		{"copied from another image", "FROM a:1\nCOPY --from=ghcr.io/b/c:2 /x /x\n", []string{"a:1", "ghcr.io/b/c:2"}},
		{"nothing", "", nil},
	} {
		if got := bases(test.dockerfile); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
