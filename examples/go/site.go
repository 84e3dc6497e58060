package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gorilla/sessions"
)

//go:embed templates static
var files embed.FS

type site struct {
	pages    *template.Template
	sessions *sessions.CookieStore
	uploads  *os.Root
}

// newSite is the whole site. Sessions live in a signed cookie, which any instance can read that has the
// same key; uploads in a folder.
func newSite(sessionKey string, uploads *os.Root) http.Handler {
	if sessionKey == "" {
		slog.Warn("SESSION_KEY is not set: logins last as long as this process")
		sessionKey = rand.Text()
	}
	s := &site{template.Must(template.ParseFS(files, "templates/*.html")),
		sessions.NewCookieStore([]byte(sessionKey)), uploads}
	s.sessions.Options = &sessions.Options{Path: "/", MaxAge: 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /greet/{name...}", s.greet)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /account", s.account)
	mux.HandleFunc("GET /uploads", s.list)
	mux.HandleFunc("POST /uploads", s.upload)
	mux.HandleFunc("GET /uploads/{name}", s.download)
	mux.HandleFunc("GET /clock", clock)
	mux.HandleFunc("GET /me", me)
	mux.HandleFunc("GET /broken", func(http.ResponseWriter, *http.Request) { panic("as asked") })
	mux.Handle("GET /static/", withETag(http.FileServerFS(files)))
	mux.HandleFunc("/", s.notFound)

	// Forms of other sites are refused by the headers that browsers send; it needs no token.
	return underPrefix(s.recover(http.NewCrossOriginProtection().Handler(mux)))
}

func (s *site) home(w http.ResponseWriter, r *http.Request) { s.page(w, r, "home", nil) }

func (s *site) greet(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, "greet", r.PathValue("name"))
}

func (s *site) loginPage(w http.ResponseWriter, r *http.Request) { s.page(w, r, "login", nil) }

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("name")
	if name == "" {
		s.failed(w, r, http.StatusBadRequest, "Tell me your name.")
		return
	}
	session, _ := s.sessions.Get(r, "session") // a cookie that cannot be read is a new session
	session.Values["name"] = name
	session.Options.Secure = isHTTPS(r)
	if err := session.Save(r, w); err != nil {
		s.failed(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "session")
	session.Options.MaxAge = -1
	if err := session.Save(r, w); err != nil {
		s.failed(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *site) account(w http.ResponseWriter, r *http.Request) {
	session, _ := s.sessions.Get(r, "session")
	name, ok := session.Values["name"].(string)
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.page(w, r, "account", name)
}

func (s *site) list(w http.ResponseWriter, r *http.Request) {
	entries, err := fs.ReadDir(s.uploads.FS(), ".")
	if err != nil {
		s.failed(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	s.page(w, r, "uploads", entries)
}

func (s *site) upload(w http.ResponseWriter, r *http.Request) {
	if err := s.keep(r); err != nil {
		s.failed(w, r, http.StatusBadRequest, "The file was not kept: "+err.Error()+".")
		return
	}
	http.Redirect(w, r, "/uploads", http.StatusSeeOther)
}

// keep stores the file of a form. A name that leads out of the folder is an error.
func (s *site) keep(r *http.Request) error {
	from, header, err := r.FormFile("file")
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := s.uploads.Create(header.Filename)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// download sends a file, whole or in parts.
func (s *site) download(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, s.uploads.FS(), r.PathValue("name"))
}

// withETag lets browsers ask whether an embedded file changed: such files have no time of their own.
func withETag(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if content, err := files.ReadFile(strings.TrimPrefix(r.URL.Path, "/")); err == nil {
			w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
		}
		next.ServeHTTP(w, r)
	})
}

// clock sends server-sent events: five ticks, one each fifth of a second.
func clock(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := range 5 {
		fmt.Fprintf(w, "data: tick %d\n\n", i+1)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// me tells what the site knows about the client.
func me(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]any{"client": clientOf(r), "url": urlOf(r, r.URL.Path)})
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	s.failed(w, r, http.StatusNotFound, "There is no page "+r.URL.Path+".")
}

func (s *site) failed(w http.ResponseWriter, r *http.Request, status int, message string) {
	s.pageWith(w, r, status, "error", map[string]string{"Title": http.StatusText(status), "Message": message})
}

// recover answers with a page when a handler panics.
func (s *site) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause == http.ErrAbortHandler {
				panic(cause)
			} else if cause != nil {
				slog.Error("panic", "path", r.URL.Path, "cause", cause)
				s.failed(w, r, http.StatusInternalServerError, "Something went wrong here.")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *site) page(w http.ResponseWriter, r *http.Request, name string, data any) {
	s.pageWith(w, r, http.StatusOK, name, data)
}

func (s *site) pageWith(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer // a page that fails in the middle is not sent at all
	if err := s.pages.ExecuteTemplate(&b, name+".html", map[string]any{"Base": prefixOf(r) + "/",
		"Data": data}); err != nil {
		slog.Error("page", "name", name, "error", err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	b.WriteTo(w)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
