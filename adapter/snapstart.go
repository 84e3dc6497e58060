package main

import (
	"errors"
	"io"
	"strconv"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/request"
	"lambda-web/adapter/internal/webapp"
)

const (
	// restoreLimit is how long the app may take after a restore. Lambda gives 10 s to all of it, and a report of what
	// took too long must come before.
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
	restoreLimit = 9 * time.Second
	// slowHook is after how long, again and again, the log is told that the app has not answered.
	// Before the snapshot there is no other limit than Lambda's, which depends on the function's
	// timeout.
	slowHook = 30 * time.Second
)

// snapStart goes through the handshake around a snapshot: priming and the app's hook before it, the wait for the
// restore, the app's hook and the readiness check after it. Connections from before the snapshot are not used after it.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-custom.html
func (a *adapter) snapStart(w *worker) error {
	for _, path := range a.config.Prime {
		w.prime(path)
	}
	took, err := w.callHook(a.config.BeforeCheckpointPath, time.Time{})
	if err != nil {
		return a.failInit(w.runtime, failure.RuntimeBeforeSnapshot, err)
	}
	a.log.Write(logging.Info, nil, "snapshot: the app is ready"+took+"; waiting for the restore")
	w.app.Abort()
	waiting := time.Now().Round(0) // by the clock of the system: any other one may stand still over the snapshot
	if err := a.awaitRestore(w); err != nil {
		return a.failInit(w.runtime, failure.RuntimeBeforeSnapshot, err)
	}
	age := time.Now().Round(0).Sub(waiting)
	if f := a.afterRestore(w, age); f != nil {
		if told := w.runtime.FailRestore(f); told != nil {
			a.log.Write(logging.Warn, nil, "Lambda could not be told why the restore failed: "+told.Error())
		}
		return f
	}
	return nil
}

// awaitRestore waits over the snapshot. A proxy for the Runtime API need not know restores; Lambda
// itself does, unless it is no Lambda but something that only sets the variable.
func (a *adapter) awaitRestore(w *worker) error {
	err := w.runtime.AwaitRestore()
	if errors.Is(err, lambdaapi.ErrNoRestore) && a.config.RuntimeAPIProxy != "" {
		lambda := lambdaapi.NewRuntime(a.config.RuntimeAPI, nil)
		err = lambda.AwaitRestore()
		lambda.Drop()
	}
	if errors.Is(err, lambdaapi.ErrNoRestore) {
		a.log.Write(logging.Warn, nil, err.Error()+"; going on without a snapshot")
		return nil
	}
	return err
}

// afterRestore makes sure that the app serves again, age after the snapshot.
func (a *adapter) afterRestore(w *worker, age time.Duration) *failure.Failure {
	restored := time.Now()
	took, err := w.callHook(a.config.AfterRestorePath, restored.Add(restoreLimit))
	if err != nil {
		return failure.New(failure.RuntimeAfterRestore, err.Error())
	}
	check := a.check()
	check.Discover = false
	left := max(time.Until(restored.Add(restoreLimit)), time.Millisecond)
	if check.Limit == 0 || check.Limit > left {
		check.Limit, check.LimitOf = left, "Lambda gives a restore 10 s"
	}
	began := time.Now()
	readiness := webapp.NewReadiness(check, began, a.log)
	readiness.Run()
	if err := readiness.Wait(time.Time{}); err != nil {
		return failure.New(failure.AppNotReady, "after the restore "+err.Error())
	}
	readiness.HandOver(w.app)
	a.log.Write(logging.Info, nil, "restored, "+age.Round(time.Second).String()+" after the snapshot"+took+
		"; the app was ready within "+milliseconds(time.Since(began)))
	return nil
}

// prime asks the app for a page, so that what it loads for its first answer is in the snapshot. The
// answer does not matter.
func (w *worker) prime(path string) {
	defer w.tellIfSlow("the priming request GET " + path)()
	get := request.Get(path, w.appAddress().HostField(), "")
	head, f := w.app.Do(&get, webapp.Limits{})
	switch {
	case f != nil:
		w.log.Write(logging.Warn, nil, "the priming request GET "+path+" failed: "+f.Message)
		return
	case head.Status >= 400:
		w.log.Write(logging.Warn, nil, "the priming request GET "+path+" was answered with status "+
			strconv.Itoa(head.Status))
	}
	w.discardBody()
}

// callHook posts to one of the app's SnapStart hooks, if it has one, and waits for the answer until
// the deadline; the zero time means for ever. It returns a text for the log that says how long that
// took.
func (w *worker) callHook(path string, deadline time.Time) (took string, err error) {
	if path == "" {
		return "", nil
	}
	hook := "the SnapStart hook POST " + path
	defer w.tellIfSlow(hook)()
	began := time.Now()
	post := request.Post(path, w.appAddress().HostField())
	head, f := w.app.Do(&post, webapp.Limits{GiveUp: deadline})
	switch {
	case f != nil && f.Type == failure.AppTimeout:
		return "", errors.New(hook + " was not answered within " + strconv.Itoa(int(restoreLimit.Seconds())) +
			" s; Lambda gives a restore 10 s")
	case f != nil:
		return "", errors.New(hook + " failed: " + f.Message)
	case head.Status/100 != 2:
		w.app.Abort()
		return "", errors.New(hook + " failed: the app answered with status " + strconv.Itoa(head.Status) +
			", and it must be 2xx")
	}
	w.discardBody()
	return ", its hook answered in " + milliseconds(time.Since(began)), nil
}

// discardBody reads a response to its end, so that the connection can be used again.
func (w *worker) discardBody() {
	for {
		if _, err := w.app.Body().Next(); err == io.EOF {
			w.app.Finish()
			return
		} else if err != nil {
			w.app.Abort()
			return
		}
	}
}

// tellIfSlow tells the log that something takes long, until the returned function is called.
func (w *worker) tellIfSlow(what string) (done func()) {
	began, ticker, over := time.Now(), time.NewTicker(slowHook), make(chan struct{})
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
				took := time.Since(began).Round(time.Second).String()
				w.log.Write(logging.Info, nil, what+" has no answer after "+took)
			}
		}
	}()
	return func() { close(over) }
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
}
