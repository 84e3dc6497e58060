package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lambda-web/test/lambda"
)

// intercept is the Runtime API of a lane where it departs from the well-behaved one.
func (l *lane) intercept(x *lambda.Exchange) bool {
	switch {
	case x.Path() == lambda.PathNext:
		l.next(x)
		return true
	case strings.HasPrefix(x.Path(), lambda.PathInvocation):
		l.take(x)
		return true
	}
	return false
}

// next answers a poll with the next invocation, or with the fault that the plan has for its first poll.
func (l *lane) next(x *lambda.Exchange) {
	i := l.takePolled(x)
	if i == nil {
		return
	}
	n := number(i.ID)
	p := l.plan(n)
	head, event := i.Wire()
	if l.noteDelivery(n) == 1 {
		switch p.next {
		case nextResets, nextFails, nextHalf:
			l.giveAgain(i)
		}
		switch p.next {
		case nextResets:
			x.Reset()
			return
		case nextFails:
			x.Reply(503, nil, []byte("try again"))
			return
		case nextHalf:
			_ = x.Write(head + event[:len(event)/2])
			x.Reset()
			return
		}
	}
	defer l.note(n, func(r *record) { close(r.handedOut) })
	switch p.next {
	case nextDribbles:
		for whole := head + event; whole != ""; {
			size := min(len(whole), 1+len(head+event)/3)
			_ = x.Write(whole[:size])
			whole = whole[size:]
			time.Sleep(200 * time.Microsecond)
		}
	case nextCloses:
		_ = x.Write(head + event)
		x.Close()
	default:
		_ = x.Write(head + event)
	}
}

// takePolled waits for an invocation to answer a poll with. The poll is over when there is one: what the adapter does
// with the answer it may have done before this goroutine goes on.
func (l *lane) takePolled(x *lambda.Exchange) *lambda.Invocation {
	l.polls.Add(1)
	l.happen()
	defer l.happen()
	defer l.polls.Add(-1)
	if i := l.takeAgain(); i != nil {
		return i
	}
	return l.api.Take(x)
}

func number(id string) int {
	n, err := strconv.Atoi(id)
	if err != nil {
		panic(fmt.Sprintf("request id %q is not of this command", id))
	}
	return n
}

// take receives an answer, or breaks its upload.
func (l *lane) take(x *lambda.Exchange) {
	id, kind, _ := strings.Cut(strings.TrimPrefix(x.Path(), lambda.PathInvocation), "/")
	n, err := strconv.Atoi(id)
	if err != nil || kind != "response" && kind != "error" {
		l.finding("the Runtime API was asked for %s %s", x.Method, x.Target)
		x.Close()
		return
	}
	p := l.plan(n)
	if p.answer == answerResetsHead {
		x.Reset()
		l.noteAnswer(n, lost)
		return
	}
	if err := x.ReadBody(); err != nil {
		l.finding("invocation %d: the answer broke off: %v", n, err)
		return
	}
	outcome := l.outcome(n, p, kind, x.Request)
	switch p.answer {
	case answerResets:
		x.Reset()
	case answerGone:
		x.Reply(410, nil, []byte(`{"errorType":"InvocationTimeout"}`))
	case answerTooLarge:
		x.Reply(413, nil, []byte(`{"errorType":"RequestEntityTooLarge"}`))
	case answerFails:
		x.Reply(503, nil, []byte("not now"))
	default:
		x.Reply(202, nil, []byte(`{"status":"OK"}`))
	}
	l.noteAnswer(n, outcome)
}
