package sandbox

import "time"

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
	surplus       = &failure{errorType: "Sandbox.Surplus", message: "the sandbox is not needed any more",
		reason: spindown}
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
	working := p.working(sb)
	p.mu.Unlock()
	if !needed {
		return surplus
	}
	if working > 0 && p.outdated() {
		p.told.Do(func() {
			sb.log.notice("the app's files have changed since this version started, so it gets no further " +
				"sandboxes: requests wait for each other")
		})
		return surplus
	}
	return sb.boot(limit)
}

// outdated tells whether a sandbox would not run the version's own code but what has been made of it since: then the
// invocations wait for the sandboxes that work.
func (p *pool) outdated() bool { return p.cfg.Code != nil && !p.cfg.Code.Current() }

// working is the number of other sandboxes that have been ready once. It needs the lock.
func (p *pool) working(sb *sandbox) int {
	working := 0
	for _, other := range p.sandboxes {
		if other != sb && other.place.works {
			working++
		}
	}
	return working
}

// spareAfter is how long all sandboxes are busy before one more starts.
const spareAfter = 300 * time.Millisecond

// planSpare has a sandbox started ahead while streams and the like keep all others busy: once the version's code is
// outdated it could not be started any more, and nobody would serve until the next version does. It needs the lock.
func (p *pool) planSpare() {
	after := spareAfter
	if p.cfg.SnapStart {
		after = 0 // its init is ahead of the restore
	}
	if p.cfg.Code == nil && !p.cfg.SnapStart || p.spare != nil || len(p.idle) > 0 {
		return
	}
	p.spare = time.AfterFunc(after, func() {
		p.mu.Lock()
		p.spare = nil
		due := !p.closed && !p.suspended && p.out > 0 && len(p.idle) == 0 && p.starting == 0 &&
			len(p.sandboxes) < p.limit
		p.mu.Unlock()
		if due && !p.outdated() {
			p.warm(false) // one that cannot start says why
		}
	})
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
	if m := sb.machine(); m != nil && m.ignoresPort() && p.limit > 1 {
		p.limit = 1
		sb.log.notice("the app listens on port %d, although PORT is %d: it can run only once on this "+
			"machine, so that requests wait for "+
			"each other. Let it listen on $PORT to have them handled in parallel.", m.declared, m.port)
	}
}

// openGate lets the further sandboxes boot once the first one works, and so it is known where its app
// listens. It takes no lock.
func (p *pool) openGate(sb *sandbox) {
	if sb.number == 1 {
		p.opened.Do(func() { close(p.first) })
	}
}

// bootFailed decides what follows a failed init. It takes the lock.
func (p *pool) bootFailed(sb *sandbox, f *failure) {
	outdated := p.outdated() // it may have failed for what somebody is writing
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if p.closed || p.sandboxes[sb.number] != sb {
		return
	}
	sb.logInit("init", f)
	if outdated && p.working(sb) > 0 {
		delete(p.sandboxes, sb.number)
		return
	}
	if !p.collides(sb) {
		p.succeed(sb)
	}
}

// collides handles a sandbox that could not start because an address was in use, beside one whose app
// listens on a port that it was not told: the pool stays as it is and the invocations wait for each other.
func (p *pool) collides(sb *sandbox) bool {
	port := p.fixedPort(sb)
	if port == 0 || !sb.booting.inUse.Load() {
		return false
	}
	delete(p.sandboxes, sb.number)
	if p.limit > 1 {
		p.limit = 1
		sb.log.notice("the app listens on port %d in every sandbox: it can run only once on this machine, so "+
			"that requests wait for each "+
			"other. Let it choose that port by $PORT, or not at all, to have them handled in parallel.", port)
	}
	return true
}

// fixedPort is a port on which the app of a sandbox that works listens without being told, or 0.
func (p *pool) fixedPort(but *sandbox) int {
	for _, other := range p.sandboxes {
		if m := other.machine(); other != but && other.place.works && m != nil {
			if ports := m.fixedPorts(); len(ports) > 0 {
				return ports[0]
			}
		}
	}
	return 0
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
	if p.cfg.SnapStart {
		p.bootAndRestore(sb, e)
		return
	}
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
	limit := p.cfg.Limits.Init
	if provisioned || p.cfg.SnapStart {
		limit = p.cfg.Limits.ProvisionedInit
	}
	f := p.boot(sb, limit)
	if f != nil && f.errorType == timedOut && !provisioned && !p.cfg.SnapStart {
		sb, f = p.warmAgain(sb, f)
	}
	switch f {
	case nil:
		if provisioned {
			sb.logInit("init", nil)
		}
		if p.cfg.SnapStart {
			p.published.Do(sb.logPublished)
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
	if p.collides(sb) {
		return nil
	}
	delete(p.sandboxes, sb.number)
	return &StartError{failure: f, wantedPort: sb.booting.wantedPort()}
}

// warmAgain is what Lambda does with the first invocation after an init that took too long: the init runs again, for as
// long as the function may. It takes the lock.
func (p *pool) warmAgain(sb *sandbox, f *failure) (*sandbox, *failure) {
	sb.logInit("init", f)
	next := sb.successor()
	next.warmed, next.suppressed = true, false
	p.mu.Lock()
	if p.closed || p.sandboxes[sb.number] != sb {
		p.mu.Unlock()
		return sb, closedFailure
	}
	p.sandboxes[sb.number] = next
	p.mu.Unlock()
	next.log.notice("on Lambda the first request waits for a second init, of up to %s", p.cfg.Timeout)
	return next, p.boot(next, p.cfg.Timeout)
}

// StartError says why the processes of a version could not start. What they printed is in the log.
type StartError struct {
	failure    *failure
	wantedPort bool // perhaps because a port was taken
}

func (e *StartError) Error() string { return e.failure.String() }
