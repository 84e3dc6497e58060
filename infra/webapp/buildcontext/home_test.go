package buildcontext

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	finalstage "lambda-web/dockerfile/stage"
)

// The folders of programs are below /tmp, but for those that the app's Dockerfile sets.
func TestHomes(t *testing.T) {
	for _, c := range []struct{ name, dockerfile, home, cache string }{
		{"none is set", "FROM scratch\n", "/tmp", "/tmp/.cache"},
		{"one is set", "FROM scratch\nENV HOME=/srv\n", "/srv", "/tmp/.cache"},
		{"both are set, by the stage it is FROM", "FROM scratch AS a\nENV HOME=/srv XDG_CACHE_HOME=/srv/c\nFROM a\n",
			"/srv", "/srv/c"},
		{"by a stage it is not FROM", "FROM scratch AS a\nENV HOME=/srv\nFROM scratch\n", "/tmp", "/tmp/.cache"},
		{"another escape character", "# escape=`\nFROM scratch\n", "/tmp", "/tmp/.cache"},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "context")
			_, err := Stage(t.Context(), source(app(t, map[string]string{"Dockerfile": c.dockerfile})), to)
			must(t, err)
			text, err := os.ReadFile(filepath.Join(to, Dockerfile))
			must(t, err)
			final, err := finalstage.Read(bytes.NewReader(text), nil)
			must(t, err)
			if final.Env["HOME"] != c.home || final.Env["XDG_CACHE_HOME"] != c.cache {
				t.Errorf("HOME is %q and XDG_CACHE_HOME %q, want %q and %q", final.Env["HOME"],
					final.Env["XDG_CACHE_HOME"], c.home, c.cache)
			}
		})
	}
}
