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
	closed    bool
	suspended bool
	drained   []chan struct{}
	expiry    *time.Timer // while an idle sandbox may expire
	spare     *time.Timer // while all sandboxes are busy that may soon be the only ones

	closing   chan struct{}
	boots     chan struct{}  // limits the inits that run at once: they share this machine's processors
	first     chan struct{}  // closed when the first sandbox works, or has failed for good
	opened    sync.Once      // first
	published sync.Once      // with SnapStart
	told      sync.Once      // that the code is outdated
	stops     sync.WaitGroup // shutdowns of expired sandboxes
}

// place is what the pool knows of a sandbox.
type place struct {
	out       bool // an invocation has it
	finishing bool // that has been answered and is about to be over
	works     bool // it has been ready once
	idleSince time.Time
}

type waiter struct {
	ready chan *sandbox // closed when there will be none
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
	if p.cfg.Blocked {
		return nil, ErrThrottled
	}
	p.mu.Lock()
	if err := p.refusal(); err != nil {
		p.mu.Unlock()
		return nil, err
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

// errSuspended: the sandboxes have made room for another version, to which the alias takes the invocation.
var errSuspended = errors.New("the version has made room for another one")

// refusal is why the pool takes no invocation now, or nil. It needs the lock.
func (p *pool) refusal() error {
	switch {
	case p.closed:
		return ErrClosed
	case p.suspended:
		return errSuspended
	}
	return nil
}

func (p *pool) wait(ctx context.Context, w *waiter) (*sandbox, error) {
	finish, queue := time.NewTimer(p.cfg.Limits.FinishWait), time.NewTimer(p.cfg.Limits.QueueWait)
	defer finish.Stop()
	defer queue.Stop()
	for {
		select {
		case sb, open := <-w.ready:
			if open {
				return sb, nil
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			return nil, either(p.refusal(), errSuspended)
		case <-ctx.Done():
			if sb := p.leave(w); sb != nil {
				p.returned(sb)
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

// giveUp throttles a waiter, unless it should wait again: a sandbox is on its way, or the app can run
// only once on this machine.
func (p *pool) giveUp(w *waiter) (sb *sandbox, again time.Duration) {
	p.mu.Lock()
	if p.starting > 0 || p.limit < p.cfg.MaxConcurrency {
		p.mu.Unlock()
		return nil, p.cfg.Limits.QueueWait
	}
	p.mu.Unlock()
	return p.leave(w), 0
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
	p.planSpare()
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
		p.out--
	}
	if sb.place.finishing {
		p.finishing--
	}
	sb.place.out, sb.place.finishing = false, false
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
	if p.has(sb) {
		taken = p.offer(sb, &p.idle)
	}
	p.checkDrained()
	p.mu.Unlock()
	if !taken {
		sb.freeze()
	}
}

// returned takes back what was handed to a waiter that has left. It takes the lock.
func (p *pool) returned(sb *sandbox) {
	p.mu.Lock()
	p.settle(sb)
	if p.has(sb) {
		list := &p.idle
		if sb.suppressed && sb.isNew() {
			list = &p.reset
		}
		p.offer(sb, list)
	}
	p.checkDrained()
	p.mu.Unlock()
	sb.freeze()
}

// has is true while a sandbox is one of the pool's.
func (p *pool) has(sb *sandbox) bool { return !p.closed && p.sandboxes[sb.number] == sb }

// lost implements owner.
func (p *pool) lost(sb *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(sb)
	p.idle = slices.DeleteFunc(p.idle, func(other *sandbox) bool { return other == sb })
	if p.has(sb) && !p.collides(sb) {
		p.succeed(sb)
	}
	p.checkDrained()
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

func (p *pool) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Sandboxes: len(p.sandboxes) - len(p.reset), Idle: len(p.idle)}
}
