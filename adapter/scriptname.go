package main

import (
	"bytes"
	"time"

	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/request"
	"lambda-web/adapter/internal/webapp"
)

const (
	// probePrefix is a prefix that no app has a page below.
	probePrefix = "/.well-known/lambda-web-prefix"
	// probePatience bounds each question about SCRIPT_NAME.
	probePatience = 2 * time.Second
)

// takeOver takes the connection of the last readiness probe, and finds out by it how the app is
// told its prefix.
func (w *worker) takeOver() {
	w.readiness.HandOver(w.app)
	status, server := w.readiness.Answer()
	if !w.config.PrefixAuto || !bytes.HasPrefix(server, []byte("gunicorn")) || w.config.ReadinessPort != w.config.Port {
		return
	}
	if w.takesScriptName = w.provesScriptName(status); !w.takesScriptName {
		w.log.Write(logging.Debug, nil, "this gunicorn takes no SCRIPT_NAME (22.0.0 does not)")
	}
}

// provesScriptName finds out whether the app's gunicorn takes SCRIPT_NAME off the path. If so, the
// readiness page is the same below a prefix with it, and another without it. For an app that
// answers every path alike a third question decides, which gunicorn answers with 500 and a line in
// its log: a path that is not below SCRIPT_NAME.
func (w *worker) provesScriptName(ready int) bool {
	const field = "x-forwarded-prefix: " + probePrefix + "\r\nSCRIPT_NAME: " + probePrefix + "\r\n"
	below := probePrefix + w.config.ReadinessPath
	told := w.ask(below, field)
	if told == 0 {
		return false
	}
	if told != ready {
		// The readiness check names no scheme: an app for HTTPS alone answers it with a redirect, and these not.
		if ready = w.ask(w.config.ReadinessPath, ""); told != ready {
			return false
		}
	}
	if w.ask(below, "") != ready {
		return true
	}
	return w.ask(w.config.ReadinessPath, field) == 500 && ready != 500
}

// ask returns the status with which the app answers a request of the adapter's own, 0 if it does
// not.
func (w *worker) ask(path, lines string) (status int) {
	question := request.Get(path, w.appAddress().HostField(), lines)
	head, f := w.app.Do(&question, webapp.Limits{GiveUp: time.Now().Add(probePatience)})
	if f != nil {
		return 0
	}
	status = head.Status
	w.discardBody()
	return status
}
