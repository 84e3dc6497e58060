package main

import (
	"net/http"
	"os"
)

// hook answers the paths that are posted to before a snapshot and after a restore.
func (a *app) hook(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/hooks/before":
		a.hooks.before.Add(1)
	case r.Method == http.MethodPost && r.URL.Path == "/hooks/after":
		a.hooks.after.Add(1)
		if os.Getenv("VERIFY_RESTORE") == "fails" {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
	default:
		return false
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
