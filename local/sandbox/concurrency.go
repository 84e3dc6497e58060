package sandbox

import (
	"slices"
	"time"
)

// More than one invocation at a time in one sandbox, as on Lambda Managed Instances. The runtime polls with several
// workers at once; each parked poll has room for one invocation. Nothing is frozen, extensions are not told of
// invocations, and an invocation that takes too long is answered for alone: its worker goes on, and so do the others.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html

func (sb *sandbox) concurrent() bool { return sb.cfg.Concurrency > 1 }

// firstRoom is how many invocations the sandbox takes after its init. The owner is told of room that comes later.
func (sb *sandbox) firstRoom() int {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if !sb.concurrent() {
		return 1
	}
	sb.opened = true
	return sb.grant()
}

// grant counts the invocations that may be handed over in addition to those that may already: one for each parked poll,
// as long as no more than the maximum can be in progress. It needs the lock.
func (sb *sandbox) grant() int {
	n := 0
	for sb.opened && sb.room < len(sb.polls) && sb.room+len(sb.runs) < sb.cfg.Concurrency {
		sb.room++
		n++
	}
	return n
}

// tellSpare must not hold the lock.
func (sb *sandbox) tellSpare(n int) {
	for range n {
		sb.owner.spare(sb)
	}
}

// workerNext gives a worker's call an event that waits for one (its own worker has gone), or parks it.
func (sb *sandbox) workerNext(c *conn) {
	sb.mu.Lock()
	waiting := slices.IndexFunc(sb.runs, func(e *execution) bool { return !e.delivered })
	if sb.phase == invoking && waiting >= 0 && len(sb.polls) == 0 {
		e := sb.runs[waiting]
		e.delivered = true
		sb.mu.Unlock()
		sb.sendEvent(c, e)
		return
	}
	sb.polls = append(sb.polls, c)
	sb.runtimeReady = true
	sb.advance()
	n := sb.grant()
	sb.mu.Unlock()
	sb.tellSpare(n)
}

// conclude takes an answered invocation off the list and returns for how many more there is room now. It needs the lock.
func (sb *sandbox) conclude(e *execution) (spare int) {
	e.timer.Stop()
	sb.runs = slices.DeleteFunc(sb.runs, func(other *execution) bool { return other == e })
	if len(sb.runs) == 0 {
		sb.phase = idle
	}
	return sb.grant()
}

// settleOne answers one of several invocations.
func (sb *sandbox) settleOne(e *execution, r Result, spare int) {
	e.answer(r, nil)
	sb.report(e)
	sb.owner.concluded(sb, true)
	sb.tellSpare(spare)
}

// startTimer ends an invocation at its deadline. It needs the lock.
func (sb *sandbox) startTimer(e *execution) {
	e.timer = time.AfterFunc(time.Until(e.deadline), func() { sb.expireOne(e) })
}

// expireOne answers an invocation that took too long. What the worker posts later is refused.
func (sb *sandbox) expireOne(e *execution) {
	sb.mu.Lock()
	if sb.phase != invoking || e.answered {
		sb.mu.Unlock()
		return
	}
	e.answered = true
	spare := sb.conclude(e)
	sb.mu.Unlock()
	f := &failure{errorType: timedOut, message: timeoutMessage(sb.cfg.Timeout), reason: timeout}
	e.answer(Result{Payload: f.payload(e.RequestID), FunctionError: unhandled, Version: sb.cfg.Version}, nil)
	sb.reportFailure(e, f)
	sb.owner.concluded(sb, false)
	sb.tellSpare(spare)
}
