package buildcontext

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestStageKeepsLinks: a link goes into the image as Docker would put it there, wherever it leads; folders of public
// apps have such that lead nowhere.
func TestStageKeepsLinks(t *testing.T) {
	dir := app(t, map[string]string{"lib/real": "x", ".dockerignore": "ignored\n", "ignored": ""})
	links := map[string]string{
		"file": "lib/real", "folder": "lib", "lib/up": "../Dockerfile", "through": "folder/real",
		"outside": t.TempDir(), "up": "../../x", "absolute": filepath.Join(dir, "Dockerfile"), "gone": "nowhere",
		"to what is ignored": "ignored", "round": "circle", "circle": "round",
	}
	for name, target := range links {
		relink(t, dir, name, target)
	}
	out := filepath.Join(t.TempDir(), "context")
	stage(t, source(dir), out)
	for name, want := range links {
		if got, err := os.Readlink(filepath.Join(out, name)); err != nil || got != want {
			t.Errorf("%s is %q (%v), want a link to %q", name, got, err, want)
		}
	}
}

func TestStageReadsAnAppBehindALink(t *testing.T) {
	place := t.TempDir()
	relink(t, place, "app", app(t, map[string]string{"a": "1"}))
	out := filepath.Join(t.TempDir(), "context")
	stage(t, source(filepath.Join(place, "app")), out)
	if got, want := names(t, out), []string{"Dockerfile", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStageLeavesSocketsOut(t *testing.T) {
	dir, err := os.MkdirTemp("", "app") // a socket's path has to be short
	must(t, err)
	defer os.RemoveAll(dir)
	put(t, dir, "Dockerfile", "FROM scratch\n")
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(t, err)
	defer listener.Close()
	out := filepath.Join(t.TempDir(), "context")
	stage(t, source(dir), out)
	if got, want := names(t, out), []string{"Dockerfile"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStageRefusesByName(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, nil, 0o644))
	tests := []struct {
		name  string
		files map[string]string
		spoil func(dir string)
		want  []string
	}{
		{"no folder", nil, func(dir string) { must(t, os.RemoveAll(dir)) }, []string{"does not exist"}},
		{"a file for a folder", nil, func(dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, nil, 0o644))
		}, []string{"is not a folder"}},
		{"no Dockerfile", nil, func(dir string) { must(t, os.Remove(filepath.Join(dir, "Dockerfile"))) },
			[]string{"Dockerfile does not exist"}},
		{"no FROM", map[string]string{"Dockerfile": "RUN true\n"}, nil, []string{"Dockerfile has no FROM"}},
		{"the reserved name", map[string]string{".lambda-web/x": ""}, nil,
			[]string{".lambda-web is a name lambda-web needs"}},
		{"the reserved name as a file", map[string]string{".lambda-web": ""}, nil,
			[]string{".lambda-web is a name lambda-web needs"}},
		{"the reserved name brought back", map[string]string{".dockerignore": "*\n!.lambda-web/x\n",
			".lambda-web/x": ""}, nil, []string{".lambda-web is a name"}},
		{"a bad pattern", map[string]string{".dockerignore": "a[\n"}, nil, []string{".dockerignore holds a pattern"}},
		{"pipes, all of them", nil, func(dir string) {
			must(t, syscall.Mkfifo(filepath.Join(dir, "p1"), 0o600))
			must(t, syscall.Mkfifo(filepath.Join(dir, "p2"), 0o600))
		}, []string{"/p1 is neither a file", "/p2 is neither a file"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := app(t, tt.files)
			if tt.spoil != nil {
				tt.spoil(dir)
			}
			out := filepath.Join(t.TempDir(), "context")
			_, err := Stage(t.Context(), source(dir), out)
			var mistake *SourceError
			if !errors.As(err, &mistake) {
				t.Fatalf("got %v, want a SourceError", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if _, err := os.Lstat(out); err == nil {
				t.Error("a context was made all the same")
			}
		})
	}
}
