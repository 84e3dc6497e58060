package sandbox

import (
	"errors"
	"time"
)

// How a pool grows: which sandboxes boot, when, and what follows when one cannot.

// start boots one more sandbox if that is allowed.
func (p *pool) start() {
	if p.closed || len(p.sandboxes) >= p.limit {
		return
	}
	sb := p.add()
	go func() {
		switch f := p.boot(sb, p.cfg.Limits.Init); f {
		case nil:
			p.booted(sb)
		case surplus:
			p.drop(sb)
		default:
			p.bootFailed(sb, f)
		}
	}()
}

func (p *pool) add() *sandbox {
	number := 1
	for p.sandboxes[number] != nil {
		number++
	}
	sb := newSandbox(p.cfg, p, p.log, number)
	p.sandboxes[number] = sb
	p.starting++
	return sb
}

// Reasons why a boot did not begin.
var (
	closedFailure = &failure{errorType: "Sandbox.Closed", message: errEnds.Error(), reason: spindown}
	surplus       = &failure{errorType: "Sandbox.Surplus", message: "the sandbox is not needed any more", reason: spindown}
)

// boot waits for its turn and boots. It takes no lock.
func (p *pool) boot(sb *sandbox, limit time.Duration) *failure {
	if sb.number != 1 {
		select {
		case <-p.first:
		case <-sb.ended:
			return closedFailure
		case <-p.closing:
			return closedFailure
		}
	}
	select {
	case p.boots <- struct{}{}:
	case <-p.closing:
		return closedFailure
	}
	defer func() { <-p.boots }()
	p.mu.Lock()
	needed := sb.number == 1 || len(p.sandboxes) <= p.limit && (sb.warmed || len(p.waiters) > 0)
	p.mu.Unlock()
	if !needed {
		return surplus
	}
	return sb.boot(limit)
}

// drop forgets a sandbox that did not boot. It takes the lock.
func (p *pool) drop(sb *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if p.sandboxes[sb.number] == sb {
		delete(p.sandboxes, sb.number)
	}
}

// booted offers a sandbox whose init succeeded. It takes the lock.
func (p *pool) booted(sb *sandbox) {
	p.mu.Lock()
	p.starting--
	p.works(sb)
	taken := true
	if p.has(sb) {
		taken = p.offer(sb, &p.idle)
	}
	p.mu.Unlock()
	p.openGate(sb)
	if !taken {
		sb.freeze()
	}
}

func (p *pool) works(sb *sandbox) {
	sb.place.works = true
	if sb.appPort() != p.cfg.AppPort {
		p.portKnown = true // the app listens where PORT says
		p.limit = p.cfg.MaxConcurrency
	}
}

// openGate lets the further sandboxes boot once the first one has its port, so that an app which
// ignores PORT runs in the sandbox that expects it on the declared port. It takes no lock.
func (p *pool) openGate(sb *sandbox) {
	if sb.number == 1 {
		p.opened.Do(func() { close(p.first) })
	}
}

// bootFailed decides what follows a failed init. It takes the lock.
func (p *pool) bootFailed(sb *sandbox, f *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if p.closed || p.sandboxes[sb.number] != sb {
		return
	}
	sb.logInit("init", f)
	if p.ignoresPort(sb, f) {
		return
	}
	p.succeed(sb)
}

// ignoresPort handles an app that works in one sandbox and cannot start in another one: then the
// pool stays as it is and the invocations wait for each other.
func (p *pool) ignoresPort(sb *sandbox, f *failure) bool {
	working := 0
	for _, other := range p.sandboxes {
		if other != sb && other.place.works {
			working++
		}
	}
	if p.portKnown || working == 0 {
		return false
	}
	delete(p.sandboxes, sb.number)
	if p.limit > working {
		p.limit = working
		sb.log.printf("the app does not listen on $PORT: it could not start here beside the one that works (%s); "+
			"requests are handled one at a time. Let the app listen on $PORT to have them handled in parallel.", f)
	}
	return true
}

// succeed replaces a sandbox that has ended by its successor.
func (p *pool) succeed(sb *sandbox) {
	next := sb.successor()
	next.place.works = sb.place.works
	p.sandboxes[sb.number] = next
	p.offer(next, &p.reset)
}

// bootAndRun runs an invocation in a successor. It takes the lock.
func (p *pool) bootAndRun(sb *sandbox, e *execution) {
	f := sb.bootAndRun(e)
	p.openGate(sb)
	if f != nil {
		p.lost(sb)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.works(sb)
}

// warm boots a sandbox ahead of its first invocation; a provisioned one never expires. It takes the
// lock.
func (p *pool) warm(provisioned bool) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	sb := p.add()
	sb.warmed, sb.provisioned = true, provisioned
	p.mu.Unlock()
	f := p.boot(sb, p.cfg.Limits.ProvisionedInit) // the limit of an init that no invocation waits for
	switch f {
	case nil:
		if provisioned {
			sb.logInit("init", nil)
		}
		p.booted(sb)
		return nil
	case surplus:
		p.drop(sb)
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if p.closed || p.sandboxes[sb.number] != sb {
		return ErrClosed
	}
	sb.logInit("init", f)
	if p.ignoresPort(sb, f) {
		return nil
	}
	delete(p.sandboxes, sb.number)
	return errors.New(f.String())
}
