package main

import (
	"lambda-web/test/lambda"
)

// record is what was seen of one invocation.
type record struct {
	plan      plan
	delivered int
	sent      int
	handled   int // times that the application is done with it
	answers   []string
	answered  chan struct{}
	// Closed when the Runtime API has delivered the event, and closed the connection if that is planned.
	handedOut chan struct{}
}

func (l *lane) plan(n int) plan {
	l.mu.Lock()
	r := l.records[n]
	l.mu.Unlock()
	if r == nil { // late: judged already
		l.finding("invocation %d was touched after it had been answered", n)
		return planFor(l.seed, l.number, n, l.workers == 1)
	}
	return r.plan
}

// planSeen is plan for the application, which may see a request only after the adapter has given it up.
func (l *lane) planSeen(n int) plan {
	l.mu.Lock()
	late := l.unseen[n]
	delete(l.unseen, n)
	l.mu.Unlock()
	if late {
		return planFor(l.seed, l.number, n, l.workers == 1)
	}
	return l.plan(n)
}

func (l *lane) note(n int, change func(*record)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.records[n]; r != nil {
		change(r)
	}
}

func (l *lane) noteSent(n int) (sent int) {
	l.note(n, func(r *record) {
		r.sent++
		sent = r.sent
	})
	return sent
}

func (l *lane) noteDelivery(n int) (delivered int) {
	l.note(n, func(r *record) {
		r.delivered++
		delivered = r.delivered
	})
	return delivered
}

func (l *lane) noteAnswer(n int, outcome string) {
	l.note(n, func(r *record) {
		r.answers = append(r.answers, outcome)
		if len(r.answers) == 1 {
			close(r.answered)
		}
	})
}

func (l *lane) noteHandled(n int) {
	l.note(n, func(r *record) { r.handled++ })
	l.happen()
}

func (l *lane) handedOut(n int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.records[n]; r != nil {
		return r.handedOut
	}
	done := make(chan struct{})
	close(done)
	return done
}

// giveAgain keeps an invocation whose poll failed for the next poll; takeAgain returns it.
func (l *lane) giveAgain(i *lambda.Invocation) { l.again <- i }

func (l *lane) takeAgain() *lambda.Invocation {
	select {
	case i := <-l.again:
		return i
	default:
		return nil
	}
}
