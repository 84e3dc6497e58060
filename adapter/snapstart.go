package main

import (
	"errors"
	"strconv"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/request"
	"lambda-web/adapter/internal/webapp"
)

// hookLimit is how long a hook may take.
const hookLimit = 60 * time.Second

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
