package plain

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// awaited waits for the value of a promise.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// styled is the colour of the text, by which each app's style sheet is told from none.
func (w *walk) styled(want string) {
	w.t.Helper()
	var colour string
	w.do(chromedp.Evaluate(`getComputedStyle(document.body).color`, &colour))
	if colour != want {
		w.t.Errorf("the text has the colour %s, want %s", colour, want)
	}
}

const (
	styledText = "rgb(32, 64, 96)"
	plainText  = "rgb(0, 0, 0)"
)

// member is the user of a walk, and how many walks were before it.
func (w *walk) member() (name string, before int) {
	if w.atSite {
		return "bob", 1
	}
	return "ada", 0
}

// Everything of an app with url_for works below the stage, and at the site.
func TestFlaskBlog(t *testing.T) {
	open(t, "flask-blog", func(w *walk) {
		name, before := w.member()
		w.visit("/")
		w.want("/", "Log in")
		w.styled(styledText)
		w.visit("/create")
		w.want("/auth/login")
		w.click(`nav a[href$="register"]`)
		w.fill(map[string]string{"name": name, "password": "a long password"})
		w.click("main button")
		w.want("/auth/login")
		w.fill(map[string]string{"name": name, "password": "wrong"})
		w.click("main button")
		w.want("/auth/login", "Name or password is wrong.")
		w.fill(map[string]string{"name": name, "password": "a long password"})
		w.click("main button")
		w.want("/", name)
		for _, title := range []string{"First", "Second"} {
			w.click(`nav a[href$="create"]`)
			w.fill(map[string]string{"title": title, "body": "Some text"})
			w.click("main button")
			w.want("/", title)
		}
		w.click(fmt.Sprintf(`article a[href$="/%d/edit"]`, before+1))
		w.fill(map[string]string{"title": name + " again"})
		w.click("#edit button")
		w.want("/", name+" again", "Second")
		w.click(fmt.Sprintf(`article a[href$="/%d/edit"]`, before+2))
		w.click("#delete button")
		w.want("/", name+" again")
		w.crawl("/", "/auth/logout")
		w.visit("/auth/logout")
		w.want("/", "Log in")
		w.stays(map[kind]bool{link: true, form: true, file: true, redirect: true})
	})
}

// Links, forms, redirects and the administration of Django work below the stage. Its static files do not: Django
// computes STATIC_URL once in a process, before the first request tells the prefix. At the site they do.
func TestDjangoPolls(t *testing.T) {
	const password = "correct horse battery staple"
	open(t, "django-polls", func(w *walk) {
		name, before := w.member()
		run(w.t, "django-polls", "DJANGO_SUPERUSER_PASSWORD='"+password+
			"' python manage.py createsuperuser --noinput --username "+name+" --email "+name+"@example.com")
		w.visit("/")
		w.want("/polls/")
		w.styled(map[bool]string{true: styledText, false: plainText}[w.atSite])
		w.click(`a[href$="/admin/"]`)
		w.want("/admin/login/?next="+w.start.Path+"/admin/", "Django administration")
		w.fill(map[string]string{"username": name, "password": "wrong"})
		w.click("[type=submit]")
		w.want("/admin/login/?next="+url.QueryEscape(w.start.Path+"/admin/"),
			"Please enter the correct username and password")
		w.fill(map[string]string{"username": name, "password": password})
		w.click("[type=submit]")
		w.want("/admin/", "Site administration")
		w.click(`a[href$="/polls/question/add/"]`)
		w.fill(map[string]string{"text": "What is new, " + name + "?", "choice_set-0-text": "Nothing",
			"choice_set-1-text": "The sky"})
		w.click("[name=_save]")
		w.want("/admin/polls/question/", "What is new, "+name+"?", "was added successfully")
		w.visit("/polls/")
		question := before + 1
		w.click(fmt.Sprintf(`a[href$="/polls/%d/"]`, question))
		w.do(chromedp.Click(fmt.Sprintf("[name=choice][value='%d']", 2*before+2), chromedp.ByQuery))
		w.click("#vote button")
		w.want(fmt.Sprintf("/polls/%d/results/", question), "The sky: 1", "Nothing: 0")
		w.crawl("/admin/", "/logout/")
		w.visit("/admin/")
		w.click("#logout-form button")
		w.want("/admin/logout/", "Logged out")
		w.stays(map[kind]bool{link: true, form: true, redirect: true, file: false})
	})
}

// What Express says in fields of the answer stays below the stage; what its pages name absolutely does not. At the site
// all of it works.
func TestExpressLogin(t *testing.T) {
	open(t, "express-login", func(w *walk) {
		name, _ := w.member()
		w.visit("/users")
		w.want("/login")
		w.styled(map[bool]string{true: styledText, false: plainText}[w.atSite])
		w.fill(map[string]string{"name": name, "password": "tea"})
		w.click("#login button")
		w.want("/users/me", "You are "+name+".")
		w.visit("/users")
		w.want("/users/me", "You are "+name+".")
		w.crawl("/users/me")
		if w.atSite {
			w.visit("/")
			w.want("/", "Welcome, "+name+".")
			w.click(`nav a[href="/users"]`)
			w.want("/users/me")
			w.click(`form[action="/logout"] button`)
			w.want("/", "Welcome.")
			w.click(`nav a[href="/login"]`)
			w.want("/login")
		}
		w.stays(map[kind]bool{redirect: true, cookie: true, link: false, form: false, file: false})
	})
}
