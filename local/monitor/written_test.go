package monitor

import (
	"strings"
	"testing"
)

func TestAdviseWriting(t *testing.T) {
	for _, test := range []struct {
		name     string
		writable []string
		file     string
		want     string // empty is no advice
	}{
		{"a folder", nil, "instance/blog.sqlite", "setting writable: [instance]"},
		{"a folder below", nil, "var/cache/x", "setting writable: [var/cache]"},
		{"beside the app", nil, "app.log", "setting writable: [FOLDER]"},
		{"a writable folder", []string{"instance"}, "instance/blog.sqlite", ""},
		{"below a writable folder", []string{"var/"}, "var/cache/x", ""},
		{"a folder whose name begins alike", []string{"inst"}, "instance/blog.sqlite", "writable: [instance]"},
		{"an absolute folder", []string{"/srv/var"}, "var/cache/x", ""},
		{"another absolute folder", []string{"/srv/var"}, "cache/x", "writable: [cache]"},
		{"everything", []string{"."}, "app.log", ""},
	} {
		c := &Cloud{}
		c.writable.Store(&test.writable)
		got := c.adviseWriting("/home/ada/blog", test.file)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if got != "" && (!strings.Contains(got, "the app writes "+test.file+" in blog; on Lambda this fails") ||
			strings.Contains(got, "\n")) {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	p := Program{Project: "shop", Config: map[string]string{"shop:writable": `["a", "b"]`}}
	if got := p.writable(); len(got) != 2 || got[1] != "b" {
		t.Errorf("the setting is %q", got)
	}
}
