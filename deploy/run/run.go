package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"lambda-web/deploy/stack"
)

// run is one command on its way.
type run struct {
	options
	at     stack.Outputs
	lambda *lambda.Client
	log    *log // nil where it cannot be read
	out    io.Writer
	notes  io.Writer
}

// invocation is an answer of Lambda.
type invocation struct {
	*lambda.InvokeOutput
	err error
}

// longest is more than the 15 minutes of a function and its start.
const longest = 17 * time.Minute

func (r *run) invoke(ctx context.Context, how types.InvocationType) invocation {
	event, err := json.Marshal(map[string][]string{"command": r.command})
	if err != nil {
		return invocation{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	got, err := r.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &r.at.TaskFunctionName, InvocationType: how,
		Payload: event})
	return invocation{got, err}
}

// attached waits for the command's end, and passes on what it writes meanwhile.
func (r *run) attached(ctx context.Context) (int, error) {
	answered := make(chan invocation, 1)
	go func() { answered <- r.invoke(ctx, types.InvocationTypeRequestResponse) }()
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case got := <-answered:
			if ctx.Err() != nil {
				return r.left()
			}
			if got.err != nil {
				return failed, r.explain(got.err)
			}
			return r.end(ctx, got.InvokeOutput)
		case <-ctx.Done():
			return r.left()
		case <-tick.C:
			r.follow(ctx)
		}
	}
}

// left is for whoever goes while the command runs. It goes on: Lambda ends no invocation because nobody waits for it.
func (r *run) left() (int, error) {
	return interrupted, fmt.Errorf("%s goes on until it ends, at the latest 15 minutes after its start; the "+
		"exit code is in its log. %s",
		strings.Join(r.command, " "), r.howToFollow())
}

// follow passes on what has come in. A log that fails is given up, and the command is not.
func (r *run) follow(ctx context.Context) {
	if r.log == nil || r.log.ended {
		return
	}
	if err := r.log.read(ctx); err != nil && ctx.Err() == nil {
		r.says("the log cannot be read any more: %v", err)
		r.log = nil
	}
}

// end passes on the rest of the output, and says how the command ended.
func (r *run) end(ctx context.Context, got *lambda.InvokeOutput) (int, error) {
	a, err := readAnswer(got.Payload)
	if err != nil {
		return failed, err
	}
	if id, _ := middleware.GetRequestIDMetadata(got.ResultMetadata); r.log != nil && r.log.id != id {
		if r.log.wrote {
			r.says("another one of this command, started at the same time, wrote what is above; this one wrote:")
		}
		r.log.rewind(id)
	}
	r.rest(ctx, a)
	code, sentence := a.outcome(got.FunctionError != nil)
	if sentence != "" {
		return code, errors.New(sentence)
	}
	return code, nil
}

// rest is what the log still has to say, or else the end of the output that the answer has.
func (r *run) rest(ctx context.Context, a answer) {
	var err error
	wrote := false
	if r.log != nil {
		err = r.log.finish(ctx, r.every, r.patience)
		wrote = r.log.wrote
	}
	switch {
	case r.log != nil && err == nil:
	case !wrote:
		fmt.Fprint(r.out, a.Output)
	default:
		r.says("the last lines are not in the log yet. The end of the output is:\n%s", a.Output)
	}
}

// startLimit is how long the start of a detached command may take: Lambda gives up after five minutes (the task
// function's maximumEventAgeInSeconds), and the log is a little late.
const startLimit = 6 * time.Minute

// detached starts the command and follows its log to the end.
func (r *run) detached(ctx context.Context) (int, error) {
	got := r.invoke(ctx, types.InvocationTypeEvent)
	if got.err != nil {
		return failed, r.explain(got.err)
	}
	id, _ := middleware.GetRequestIDMetadata(got.ResultMetadata)
	if r.log == nil {
		r.says("started as request %s. %s", id, r.howToFollow())
		return 0, nil
	}
	r.says("started as request %s, which does not need this machine any more; the log follows", id)
	r.log.rewind(id)
	began := time.Now()
	for {
		r.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return r.left()
		case r.log == nil:
			return failed, errors.New("the command goes on. " + r.howToFollow())
		case r.log.ended:
			return r.ended()
		case r.log.stream == "" && time.Since(began) > startLimit:
			return failed, fmt.Errorf("the command has not been started within %s, and will not be: Lambda "+
				"had no room for it. Run it again", startLimit)
		case time.Since(began) > startLimit+longest:
			return failed, errors.New("the log has no end of the command. " + r.howToFollow())
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.every):
		}
	}
}

// ended says how a detached command ended, as far as the log does.
func (r *run) ended() (int, error) {
	if !r.log.said {
		return failed, fmt.Errorf("the log does not say how the command ended: its environment ended before "+
			"it did, for want of memory (settings taskMemory and memory), or the log level is above INFO. %s", r.howToFollow())
	}
	if r.log.code != 0 {
		return r.log.code, fmt.Errorf("%s: exit status %d", strings.Join(r.command, " "), r.log.code)
	}
	return 0, nil
}
