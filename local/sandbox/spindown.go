package sandbox

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// How a pool shrinks and ends.

// armExpiry makes expire run when the sandbox that has been idle longest is due.
func (p *pool) armExpiry() {
	if p.cfg.IdleExpiry == 0 || p.expiry != nil {
		return
	}
	for _, sb := range p.idle {
		if !sb.provisioned {
			p.expiry = time.AfterFunc(time.Until(sb.place.idleSince.Add(p.cfg.IdleExpiry)), p.expire)
			return
		}
	}
}

// expire spins down the sandboxes that have been idle for too long. It takes the lock.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expiry = nil
	if p.closed {
		return
	}
	p.idle = slices.DeleteFunc(p.idle, func(sb *sandbox) bool {
		due := !sb.provisioned && time.Since(sb.place.idleSince) >= p.cfg.IdleExpiry
		if due {
			delete(p.sandboxes, sb.number)
			p.stops.Go(func() { sb.stop(spindown) })
		}
		return due
	})
	p.armExpiry()
}

// holdsPort is true when the app listens on a port that another version of it may want. It takes the lock.
func (p *pool) holdsPort() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fixedPort(nil) != 0
}

// suspend ends all sandboxes and turns invocations away until resume. Those in progress are answered with
// ErrClosed, those that wait go back to the alias. It takes the lock.
func (p *pool) suspend() {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.sandboxes))
	p.sandboxes, p.idle, p.reset = map[int]*sandbox{}, nil, nil
	p.suspended = true
	for _, sb := range all {
		p.settle(sb)
	}
	p.dismiss()
	p.mu.Unlock()
	var stops sync.WaitGroup
	for _, sb := range all {
		stops.Go(func() { sb.stop(spindown) })
	}
	stops.Wait()
}

// resume lets invocations start over. It takes the lock.
func (p *pool) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspended = false
}

// dismiss sends away all who wait for a sandbox. It needs the lock.
func (p *pool) dismiss() {
	for _, w := range p.waiters {
		close(w.ready)
	}
	p.waiters = nil
}

// stopAll takes the lock and returns when no process is left.
func (p *pool) stopAll() {
	var stops sync.WaitGroup
	for _, sb := range p.close() {
		stops.Go(func() { sb.stop(spindown) })
	}
	stops.Wait()
	p.stops.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = 0
	p.checkDrained()
}

// close refuses new invocations and lists the sandboxes to stop. It takes the lock.
func (p *pool) close() []*sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.closing)
		for _, timer := range []*time.Timer{p.expiry, p.spare} {
			if timer != nil {
				timer.Stop()
			}
		}
		p.dismiss()
		p.idle = nil
	}
	return slices.Collect(maps.Values(p.sandboxes))
}

// killAll takes the lock.
func (p *pool) killAll() {
	for _, sb := range p.close() {
		sb.killNow()
	}
}
