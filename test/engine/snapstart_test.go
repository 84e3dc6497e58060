package engine

import (
	"strings"
	"testing"

	"lambda-web/test/engine/standin"
)

// TestSnapStart: switching SnapStart on and off is a change of the function and its alias, and there is always a
// version that can serve. One whose snapshot fails gets no request, and the way out is a new image.
func TestSnapStart(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", nil)
	s.up(t)
	s.unchanged(t)
	const functionAndAlias = `
		update aws:lambda/function:Function
		update aws:lambda/alias:Alias`
	for _, c := range []struct {
		name   string
		change map[string]string
	}{
		{"SnapStart on", map[string]string{"snapStart": "true"}},
		{"hooks", map[string]string{"snapStartBefore": "/internal/save", "snapStartAfter": "/internal/restored",
			"snapStartPrime[0]": "/"}},
	} {
		s.set(t, c.change)
		s.preview(t).same(t, functionAndAlias)
		planOf(s.up(t)).same(t, functionAndAlias)
		s.unchanged(t)
	}

	// The image of a change does not start: up fails, again and again, and the old version serves.
	good := s.cloud.Objects("aws:lambda/function:Function")[0].Text("imageUri")
	s.cloud.FailNextImages(true)
	p.put(t, "app/app.py", "app = 'broken'\n")
	for range 2 {
		result, err := s.Up(t.Context())
		if err == nil || !strings.Contains(result.StdOut+result.StdErr+err.Error(), "unexpected state 'Failed'") {
			t.Fatalf("up with an app that does not start: %v", err)
		}
		s.intact(t)
		if alias := s.cloud.Objects("aws:lambda/alias:Alias")[0].Text("functionVersion"); alias != "3" {
			t.Errorf("the alias points at version %s", alias)
		}
	}
	s.cloud.FailNextImages(false)
	p.put(t, "app/app.py", "app = 'mended'\n")
	s.up(t)
	s.unchanged(t)
	if now := s.cloud.Objects("aws:lambda/function:Function")[0].Text("imageUri"); now == good {
		t.Error("the mended app is not deployed")
	}

	s.unset(t, "snapStartBefore", "snapStartAfter", "snapStartPrime")
	s.set(t, map[string]string{"snapStart": "false"})
	s.preview(t).same(t, functionAndAlias)
	planOf(s.up(t)).same(t, functionAndAlias)
	s.unchanged(t)
}

// TestSnapStartFromTheBeginning: the provider does not wait for the first version, which is pending when the alias is
// made; it serves when its snapshot has been taken.
func TestSnapStartFromTheBeginning(t *testing.T) {
	p := newProject(t)
	s := newStack(t, p, standin.New(p.root+"/infra"), "dev", map[string]string{"snapStart": "true"})
	if _, err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.cloud.Operations()
	if err := s.cloud.Serves(); err == nil || !strings.Contains(err.Error(), "version 1 of the function is Pending") {
		t.Errorf("right after the first up: %v", err)
	}
	s.unchanged(t)
	s.intact(t)
}
