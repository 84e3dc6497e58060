package plain

import (
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

// Everything of an app with url_for works below the stage.
func TestFlaskBlog(t *testing.T) {
	w := open(t, "flask-blog")
	w.visit("/")
	w.want("/", "Nothing was written yet.")
	w.styled(styledText)
	w.visit("/create")
	w.want("/auth/login")
	w.click(`nav a[href$="register"]`)
	w.fill(map[string]string{"name": "ada", "password": "a long password"})
	w.click("main button")
	w.want("/auth/login")
	w.fill(map[string]string{"name": "ada", "password": "wrong"})
	w.click("main button")
	w.want("/auth/login", "Name or password is wrong.")
	w.fill(map[string]string{"name": "ada", "password": "a long password"})
	w.click("main button")
	w.want("/", "ada")
	for _, title := range []string{"First", "Second"} {
		w.click(`nav a[href$="create"]`)
		w.fill(map[string]string{"title": title, "body": "Some text"})
		w.click("main button")
		w.want("/", title)
	}
	w.click(`article a[href$="/1/edit"]`)
	w.fill(map[string]string{"title": "First again"})
	w.click("#edit button")
	w.want("/", "First again", "Second")
	w.click(`article a[href$="/2/edit"]`)
	w.click("#delete button")
	w.want("/", "First again")
	w.crawl("/", "/auth/logout")
	w.visit("/auth/logout")
	w.want("/", "Log in")
	w.stays(map[kind]bool{link: true, form: true, file: true, redirect: true})
}

// Links, forms, redirects and the administration of Django work below the stage. Its static files do not: Django
// computes STATIC_URL once in a process, before the first request tells the prefix.
func TestDjangoPolls(t *testing.T) {
	const password = "correct horse battery staple"
	w := open(t, "django-polls")
	run(t, "django-polls", "DJANGO_SUPERUSER_PASSWORD='"+password+
		"' python manage.py createsuperuser --noinput --username ada --email ada@example.com")
	w.visit("/")
	w.want("/polls/", "No polls yet.")
	w.click(`a[href$="/admin/"]`)
	w.want("/admin/login/?next=/v1/admin/", "Django administration")
	w.fill(map[string]string{"username": "ada", "password": "wrong"})
	w.click("[type=submit]")
	w.want("/admin/login/?next=%2Fv1%2Fadmin%2F", "Please enter the correct username and password")
	w.fill(map[string]string{"username": "ada", "password": password})
	w.click("[type=submit]")
	w.want("/admin/", "Site administration")
	w.click(`a[href$="/polls/question/add/"]`)
	w.fill(map[string]string{"text": "What is new?", "choice_set-0-text": "Nothing", "choice_set-1-text": "The sky"})
	w.click("[name=_save]")
	w.want("/admin/polls/question/", "What is new?", "was added successfully")
	w.visit("/polls/")
	w.click(`a[href$="/polls/1/"]`)
	w.do(chromedp.Click("[name=choice][value='2']", chromedp.ByQuery))
	w.click("#vote button")
	w.want("/polls/1/results/", "The sky: 1", "Nothing: 0")
	w.crawl("/admin/", "/logout/")
	w.visit("/admin/")
	w.click("#logout-form button")
	w.want("/admin/logout/", "Logged out")
	w.stays(map[kind]bool{link: true, form: true, redirect: true, file: false})
}

// What Express says in fields of the answer stays below the stage; what its pages name absolutely does not.
func TestExpressLogin(t *testing.T) {
	w := open(t, "express-login")
	w.visit("/users")
	w.want("/login")
	w.styled(plainText)
	w.fill(map[string]string{"name": "ada", "password": "tea"})
	w.click("#login button")
	w.want("/users/me", "You are ada.")
	w.visit("/users")
	w.want("/users/me", "You are ada.")
	w.crawl("/users/me")
	w.stays(map[kind]bool{redirect: true, cookie: true, link: false, form: false, file: false})
}
