package sandbox

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// pool hands sandboxes to invocations. An invocation that finds none free starts one more and takes
// whichever is free first.
type pool struct {
	cfg *Config
	log *logWriter

	mu        sync.Mutex
	sandboxes map[int]*sandbox // all, by number
	idle      []*sandbox       // ready; the last used is the first to be used again
	reset     []*sandbox       // successors that boot inside their next invocation
	waiters   []*waiter        // oldest first
	limit     int              // sandboxes at once
	starting  int
	finishing int // have answered and are about to be free
	out       int // handed to an invocation
	portKnown bool
	closed    bool
	drained   []chan struct{}
	expiry    *time.Timer // while an idle sandbox may expire
	counts    Stats

	closing chan struct{}
	boots   chan struct{}  // limits the inits that run at once: they share this machine's processors
	first   chan struct{}  // closed when the first sandbox works, or has failed for good
	opened  sync.Once      // first
	stops   sync.WaitGroup // shutdowns of expired sandboxes
}

// place is what the pool knows of a sandbox.
type place struct {
	out       bool
	finishing bool
	works     bool // it has been ready once
	idleSince time.Time
}

type waiter struct {
	ready chan *sandbox // closed when the pool closes
}

var _ owner = (*pool)(nil)

func (p *pool) init(cfg *Config, log *logWriter) {
	p.cfg, p.log = cfg, log
	p.sandboxes = map[int]*sandbox{}
	p.limit = cfg.MaxConcurrency
	p.closing, p.first = make(chan struct{}), make(chan struct{})
	p.boots = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
}

// acquire returns a sandbox that is ready, or one whose init is due within the invocation.
func (p *pool) acquire(ctx context.Context) (*sandbox, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if sb := p.pick(); sb != nil {
		p.handOut(sb)
		p.mu.Unlock()
		return sb, nil
	}
	w := &waiter{ready: make(chan *sandbox, 1)}
	p.waiters = append(p.waiters, w)
	if len(p.waiters) > p.starting+p.finishing {
		p.start()
	}
	p.mu.Unlock()
	return p.wait(ctx, w)
}

func (p *pool) wait(ctx context.Context, w *waiter) (*sandbox, error) {
	finish, queue := time.NewTimer(p.cfg.Limits.FinishWait), time.NewTimer(p.cfg.Limits.QueueWait)
	defer finish.Stop()
	defer queue.Stop()
	for {
		select {
		case sb, open := <-w.ready:
			if !open {
				return nil, ErrClosed
			}
			return sb, nil
		case <-ctx.Done():
			if sb := p.leave(w); sb != nil {
				p.freed(sb)
			}
			return nil, ctx.Err()
		case <-finish.C:
			p.mu.Lock()
			if len(p.waiters) > p.starting {
				p.start()
			}
			p.mu.Unlock()
		case <-queue.C:
			sb, again := p.giveUp(w)
			if again > 0 {
				queue.Reset(again)
				continue
			}
			if sb != nil {
				return sb, nil
			}
			return nil, ErrThrottled
		}
	}
}

// leave takes a waiter out of the queue. It returns the sandbox that the waiter was handed meanwhile.
func (p *pool) leave(w *waiter) *sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = slices.DeleteFunc(p.waiters, func(other *waiter) bool { return other == w })
	p.checkDrained()
	select {
	case sb := <-w.ready:
		return sb
	default:
		return nil
	}
}

// giveUp throttles a waiter, unless it should wait again: a sandbox is on its way, or the app can
// serve no more than it does because it ignores its port.
func (p *pool) giveUp(w *waiter) (sb *sandbox, again time.Duration) {
	p.mu.Lock()
	if p.starting > 0 || p.limit < p.cfg.MaxConcurrency {
		p.mu.Unlock()
		return nil, p.cfg.Limits.QueueWait
	}
	p.mu.Unlock()
	sb = p.leave(w)
	if sb == nil {
		p.mu.Lock()
		p.counts.Throttles++
		p.mu.Unlock()
	}
	return sb, 0
}

// pick takes a free sandbox. It needs the lock, as all of the following do unless they say otherwise.
func (p *pool) pick() *sandbox {
	for _, list := range []*[]*sandbox{&p.idle, &p.reset} {
		if n := len(*list); n > 0 {
			sb := (*list)[n-1]
			*list = (*list)[:n-1]
			return sb
		}
	}
	return nil
}

func (p *pool) handOut(sb *sandbox) {
	sb.place.out = true
	p.out++
	p.counts.Invocations++
}

// offer gives a sandbox to the oldest waiter or puts it onto the list.
func (p *pool) offer(sb *sandbox, list *[]*sandbox) (taken bool) {
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		p.handOut(sb)
		w.ready <- sb
		return true
	}
	*list = append(*list, sb)
	if list == &p.idle {
		sb.place.idleSince = time.Now()
		p.armExpiry()
	}
	return false
}

// settle clears what was noted when the sandbox was handed out.
func (p *pool) settle(sb *sandbox) {
	if sb.place.out {
		sb.place.out = false
		p.out--
	}
	if sb.place.finishing {
		sb.place.finishing = false
		p.finishing--
	}
}

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
	needed := len(p.sandboxes) <= p.limit && (sb.provisioned || len(p.waiters) > 0)
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
	delete(p.sandboxes, sb.number)
}

// booted offers a sandbox whose init succeeded. It takes the lock.
func (p *pool) booted(sb *sandbox) {
	p.mu.Lock()
	p.starting--
	p.works(sb)
	if !sb.provisioned {
		p.counts.ColdStarts++
	}
	taken := true
	if !p.closed && p.sandboxes[sb.number] == sb {
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
	if sb.port != p.cfg.AppPort {
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
	if p.closed {
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

// answered implements owner.
func (p *pool) answered(sb *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sb.place.out && !sb.place.finishing {
		sb.place.finishing = true
		p.finishing++
	}
}

// freed implements owner.
func (p *pool) freed(sb *sandbox) {
	p.mu.Lock()
	p.settle(sb)
	taken := true
	if list := &p.idle; !p.closed && p.sandboxes[sb.number] == sb {
		if sb.suppressed && sb.isNew() {
			list = &p.reset
		}
		taken = p.offer(sb, list)
	}
	p.checkDrained()
	p.mu.Unlock()
	if !taken {
		sb.freeze()
	}
}

// lost implements owner.
func (p *pool) lost(sb *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(sb)
	p.idle = slices.DeleteFunc(p.idle, func(other *sandbox) bool { return other == sb })
	if !p.closed && p.sandboxes[sb.number] == sb {
		p.succeed(sb)
	}
	p.checkDrained()
}

// provision boots a sandbox that never expires. It takes the lock.
func (p *pool) provision() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	sb := p.add()
	sb.provisioned = true
	p.mu.Unlock()
	f := p.boot(sb, p.cfg.Limits.ProvisionedInit)
	switch f {
	case nil:
		sb.logInit("init", nil)
		p.booted(sb)
		return nil
	case surplus:
		p.drop(sb)
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if !p.closed && p.ignoresPort(sb, f) {
		return nil
	}
	sb.logInit("init", f)
	return errors.New(f.String())
}

func (p *pool) checkDrained() {
	if p.out > 0 || len(p.waiters) > 0 {
		return
	}
	for _, done := range p.drained {
		close(done)
	}
	p.drained = nil
}

// drain takes the lock.
func (p *pool) drain(ctx context.Context) error {
	done := make(chan struct{})
	p.mu.Lock()
	p.drained = append(p.drained, done)
	p.checkDrained()
	p.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

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
		if p.expiry != nil {
			p.expiry.Stop()
		}
		for _, w := range p.waiters {
			close(w.ready)
		}
		p.waiters, p.idle = nil, nil
	}
	all := make([]*sandbox, 0, len(p.sandboxes))
	for _, sb := range p.sandboxes {
		all = append(all, sb)
	}
	return all
}

// killAll takes the lock.
func (p *pool) killAll() {
	for _, sb := range p.close() {
		sb.killNow()
	}
}

func (p *pool) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.Sandboxes, s.Idle = len(p.sandboxes)-len(p.reset), len(p.idle)
	return s
}
