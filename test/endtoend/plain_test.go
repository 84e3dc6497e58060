package endtoend

import "testing"

// The apps that know nothing of prefixes run as their images, too; test/plain walks them in a browser as processes.
func TestPlain(t *testing.T) {
	for _, test := range []struct {
		name, path string
		redirected bool
		want       string
	}{
		{name: "flask-blog", path: "/", want: "Nothing was written yet."},
		{name: "django-polls", path: "/", redirected: true, want: "No polls yet."},
		{name: "express-login", path: "/users", redirected: true, want: "Log in"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if mode(t) != "container" {
				t.Skip("make test-plain uses it as a process")
			}
			// The port is the one that the Dockerfile exposes.
			_, b := start(t, Example{Name: "plain/" + test.name, Settings: map[string]string{"port": "auto"}})
			page := b.get(test.path)
			if test.redirected {
				page = page.follow()
			}
			page.want(200, test.want)
		})
	}
}
