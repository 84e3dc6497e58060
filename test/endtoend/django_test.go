package endtoend

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-web/test/launch"
)

const adminPassword = "correct horse battery staple"

func startDjango(t *testing.T, environment map[string]string) (*launch.Cloud, *browser) {
	t.Helper()
	needsPython(t)
	e := Example{Name: "django", Environment: environment}
	if mode(t) == "container" { // the image's build makes the administrator, as a process the release line does
		e.Settings = map[string]string{
			"buildArgs":           `{"DJANGO_SUPERUSER_PASSWORD":"` + adminPassword + `"}`,
			"reservedConcurrency": "1", // each environment has a database of its own
		}
	} else {
		environment["DJANGO_SUPERUSER_PASSWORD"] = adminPassword
	}
	return start(t, e)
}

func TestDjango(t *testing.T) {
	folder := files(t)
	c, b := startDjango(t, map[string]string{"TMPDIR": folder, "DJANGO_CSRF_TRUSTED_ORIGINS": "https://forms.example.com"})
	polls.check(t, b.stage.String())
	if _, err := c.Await(0, time.Minute, "Internal Server Error: /v1/broken/"); err != nil {
		t.Error("the terminal does not say what a 500 was about")
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, *browser)
	}{
		{"a vote needs the form's token", checkVote},
		{"the administration asks for a login", checkLogin},
		{"a question is added in the administration", checkAdmin},
		{"static files have names for ever", checkStatic},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newBrowser(t, b.stage.String())) })
	}
	t.Run("another database", func(t *testing.T) { checkDatabase(t, filepath.Join(folder, "db.sqlite3")) })
}

// TestDjangoCommands: migrations as a release command, and one-off commands.
func TestDjangoCommands(t *testing.T) {
	needsPython(t)
	e := Example{Name: "django", Environment: map[string]string{"TMPDIR": files(t),
		"DJANGO_SUPERUSER_USERNAME": "admin", "DJANGO_SUPERUSER_EMAIL": "admin@example.com",
		"DJANGO_SUPERUSER_PASSWORD": adminPassword},
		Settings: map[string]string{"releaseCommand": `["python", "manage.py", "migrate", "--noinput"]`}}
	run := func(command, want string) {
		t.Helper()
		e.Root, e.Mode = root(t), mode(t)
		if out, err := Run(e, command); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	create := "python manage.py createsuperuser --noinput"
	if os.Getenv("LAMBDA_WEB_TEST_EXAMPLES") != "" && mode(t) == "process" { // the image's build does this
		run("python manage.py collectstatic --noinput", "static file")
	}
	c, b := start(t, e)
	for _, line := range []string{"Running releaseCommand", "release   |   Applying polls.0001_initial... OK"} {
		if !strings.Contains(c.Log(), line) {
			t.Errorf("the log has no %q:\n%s", line, c.Log())
		}
	}
	b.get("/").want(200)
	if mode(t) == "container" { // each container has a database of its own
		run("sh -c 'python manage.py migrate --noinput && exec "+create+"'", "Superuser created successfully.")
		return
	}
	run(create, "Superuser created successfully.")
	login(newBrowser(t, b.stage.String()), adminPassword).follow().want(200, "Site administration")
}

var polls = expectations{
	page:     "/",
	missing:  "/nowhere/",
	broken:   "/broken/",
	file:     "/static/polls/style.css",
	redirect: "/1", // the slash at the end is added by a redirect
	unicode:  "/about/größe/日本",
	absolute: "/about/me",
	client:   "/about/me",
	upload: &uploadForm{path: "/files/", field: "file", download: "/files/", page: "/files/",
		csrf: "csrfmiddlewaretoken"},
}

func checkVote(t *testing.T, b *browser) {
	b.submit("/1/vote/", url.Values{"choice": {"1"}}).want(403)
	form := b.get("/1/").want(200, "Not much: 0 votes")
	vote := url.Values{"choice": {"1"}, "csrfmiddlewaretoken": {form.field("csrfmiddlewaretoken")}}
	b.submit("/1/vote/", vote).follow().want(200, "Not much: 1 vote<")
	b.submit("/1/vote/", vote, "Origin", "https://evil.example").want(403)
	vote.Set("choice", "2")
	b.submit("/1/vote/", vote, "Origin", "https://forms.example.com").follow().want(200, "The sky: 1 vote<")
	b.get("/1/").want(200, "Not much: 1 vote<")
}

func login(b *browser, password string) *page {
	form := b.get("/admin/").follow().want(200, "Django administration")
	return b.send("POST", form.request.URL.String(), []byte(url.Values{
		"username": {"admin"}, "password": {password}, "next": {form.field("next")},
		"csrfmiddlewaretoken": {form.field("csrfmiddlewaretoken")},
	}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

func checkLogin(t *testing.T, b *browser) {
	login(b, "wrong").want(200, "Please enter the correct username and password")
	welcome := login(b, adminPassword)
	for _, cookie := range welcome.header.Values("Set-Cookie") {
		if !strings.Contains(cookie, "; Secure") {
			t.Errorf("the cookie may leave without TLS: %s", cookie)
		}
	}
	page := welcome.follow().want(200, "Site administration")
	for _, link := range page.links() {
		if p := b.get(link); p.status >= 400 && p.status != 405 { // logging out takes a POST
			t.Errorf("the link %s has status %d", link, p.status)
		}
	}
}

func checkAdmin(t *testing.T, b *browser) {
	login(b, adminPassword).follow().want(200)
	form := b.get("/admin/polls/question/add/").want(200)
	b.submit("/admin/polls/question/add/", url.Values{
		"csrfmiddlewaretoken": {form.field("csrfmiddlewaretoken")},
		"question_text":       {"Wie groß?"}, "pub_date_0": {"2026-01-02"}, "pub_date_1": {"03:04:05"},
		"choice_set-TOTAL_FORMS": {"1"}, "choice_set-INITIAL_FORMS": {"0"}, "choice_set-0-choice_text": {"Sehr"},
		"choice_set-0-votes": {"7"},
	}).follow().want(200, "Wie groß?", "was added successfully")
	b.get("/").want(200, "Wie groß?")
}

func checkStatic(t *testing.T, b *browser) {
	for _, link := range b.get("/").want(200).links() {
		if !strings.Contains(link, "/static/") {
			continue
		}
		if got := b.get(link).want(200).header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control is %q", link, got)
		}
		return
	}
	t.Error("the page has no static file")
}

// checkDatabase gives the app a database that has been used already.
func checkDatabase(t *testing.T, file string) {
	if mode(t) == "container" {
		t.Skip("the database is a file in the container's /tmp: tested in process mode")
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "other.sqlite3")
	if err := os.WriteFile(copied, content, 0o644); err != nil {
		t.Fatal(err)
	}
	_, b := startDjango(t, map[string]string{"DATABASE_URL": "sqlite:///" + copied, "TMPDIR": t.TempDir()})
	b.get("/").want(200, "Wie groß?")
	b.get("/1/").want(200, "Not much: 1 vote<")
}
