package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/request"
	"lambda-web/adapter/internal/settings"
	"lambda-web/adapter/internal/webapp"
)

// hookLimit is how long a hook may take.
const hookLimit = 60 * time.Second

// hooks are the paths that only the adapter may ask for, in canonical form.
type hooks []string

func newHooks(config *settings.Settings) (h hooks) {
	for _, path := range []string{config.BeforeCheckpointPath, config.AfterRestorePath} {
		if path != "" {
			h = append(h, canonical(path))
		}
	}
	return h
}

// guards reports whether a request target from outside leads to a hook.
func (h hooks) guards(target []byte) bool {
	if len(h) == 0 {
		return false
	}
	path := canonical(string(target))
	for _, hook := range h {
		if path == hook {
			return true
		}
	}
	return false
}

// canonical decodes a path and resolves what apps may resolve: `//`, `.`, `..` and a slash at the end.
func canonical(target string) string {
	path, _, _ := strings.Cut(unescape(target), "?")
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		default:
			segments = append(segments, strings.ToLower(segment))
		}
	}
	return "/" + strings.Join(segments, "/")
}

func unescape(path string) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			high := strings.IndexByte(digits, path[i+1]|0x20)
			low := strings.IndexByte(digits, path[i+2]|0x20)
			if high >= 0 && low >= 0 {
				text = append(text, byte(high<<4|low))
				i += 2
				continue
			}
		}
		text = append(text, path[i])
	}
	return string(text)
}

// snapStart goes through the handshake around a snapshot: the app's hook before it, the wait for the restore, the
// app's hook behind it. Connections from before the snapshot are not used behind it.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html
func (a *adapter) snapStart(w *worker) error {
	if err := w.callHook(a.config.BeforeCheckpointPath); err != nil {
		return a.failInit(w.runtime, failure.RuntimeInit, err)
	}
	w.app.Abort()
	if err := w.runtime.AwaitRestore(); err != nil {
		return err
	}
	if err := w.callHook(a.config.AfterRestorePath); err != nil {
		if told := w.runtime.FailRestore(failure.New(failure.RuntimeAfterRestore, err.Error())); told != nil {
			a.log.Write(logging.Warn, nil, "Lambda could not be told why the restore failed: "+told.Error())
		}
		return err
	}
	return nil
}

// callHook posts to one of the app's SnapStart hooks, if it has one.
func (w *worker) callHook(path string) error {
	if path == "" {
		return nil
	}
	post := request.Post(path, w.appAddress().HostField())
	end := time.Now().Add(hookLimit)
	var err error
	if head, f := w.app.Do(&post, webapp.Limits{Deadline: end, GiveUp: end}); f != nil {
		err = f
	} else if head.Status/100 != 2 {
		err = errors.New("the app answered with status " + strconv.Itoa(head.Status) + ", and it must be 2xx")
	}
	if err != nil {
		w.app.Abort()
		return errors.New("the SnapStart hook POST " + path + " failed: " + err.Error())
	}
	for err == nil {
		_, err = w.app.Body().Next()
	}
	w.app.Finish()
	return nil
}
