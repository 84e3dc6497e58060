package console

import (
	"fmt"
	"time"

	"lambda-web/local/sandbox"
)

// sandboxState is what the records say of a sandbox, under the store's lock.
type sandboxState struct {
	key         string
	source      sandbox.Source
	state       sandbox.State
	changed     uint64
	since       time.Time // its init began
	ended       time.Time
	used        time.Time // the last invocation began or ended
	provisioned bool
	port        int
	init        time.Duration
	memory      int // MB
	busy        bool
	invocations int
	failures    int
	errorType   string
	cause       string
	lines       lines // between invocations
}

// sandboxOf is the newest sandbox of a number. It needs the lock.
func (s *store) sandboxOf(source sandbox.Source) *sandboxState {
	for at := len(s.sandboxes) - 1; at >= 0; at-- {
		if s.sandboxes[at].source == source {
			return s.sandboxes[at]
		}
	}
	return nil
}

// change takes a step in the life of a sandbox. It needs the lock.
func (s *store) change(c sandbox.Change) {
	state := s.sandboxOf(c.Source)
	if c.State == sandbox.Starting || state == nil {
		state = &sandboxState{source: c.Source, since: c.Time}
		s.sandboxes = append(s.sandboxes, state)
		s.forgetSandboxes()
	}
	state.state, state.provisioned = c.State, c.Provisioned
	state.changed = s.tick()
	if state.key == "" {
		state.key = fmt.Sprintf("%s.%s.%d.%d", c.Function, c.Version, c.Sandbox, state.changed)
	}
	switch c.State {
	case sandbox.Ready:
		state.port, state.init = c.AppPort, c.InitDuration
	case sandbox.Failed:
		state.errorType, state.cause = c.ErrorType, c.ErrorMessage
	case sandbox.Ended:
		state.ended, state.busy = c.Time, false
	}
}

// forgetSandboxes drops the oldest of those that have ended. It needs the lock.
func (s *store) forgetSandboxes() {
	ended := 0
	for _, state := range s.sandboxes {
		if state.state == sandbox.Ended {
			ended++
		}
	}
	kept := s.sandboxes[:0]
	for _, state := range s.sandboxes {
		if state.state == sandbox.Ended && ended > keptSandboxes {
			ended--
			continue
		}
		kept = append(kept, state)
	}
	clear(s.sandboxes[len(kept):])
	s.sandboxes = kept
}

// busy notes that a sandbox has begun (1) or ended (-1) an invocation. It needs the lock.
func (s *store) busy(source sandbox.Source, by int, at time.Time) {
	s.running = max(0, s.running+by)
	s.pulse.note(at, s.running, by > 0)
	if state := s.sandboxOf(source); state != nil {
		state.busy, state.used = by > 0, at
		if by > 0 {
			state.invocations++
		}
		state.changed = s.clock
	}
}

func (s *store) reported(r sandbox.Report) {
	s.tick()
	if state := s.sandboxOf(r.Source); state != nil {
		state.memory, state.changed = r.MaxMemory, s.clock
		if r.Status != "success" {
			state.failures++
		}
	}
}

// pulse is how many invocations ran at once, by the second, in the last minutes.
type pulse struct {
	second int64 // of the newest entry
	ring   [300]beat
	level  int
}

// beat is one second.
type beat struct{ Most, Started int }

// advance fills the seconds since the last beat with what ran on through them.
func (p *pulse) advance(second int64) *beat {
	second = max(second, p.second)
	if behind := second - p.second; behind > int64(len(p.ring)) {
		p.second = second - int64(len(p.ring))
	}
	for p.second < second {
		p.second++
		p.ring[p.second%int64(len(p.ring))] = beat{Most: p.level}
	}
	return &p.ring[p.second%int64(len(p.ring))]
}

func (p *pulse) note(at time.Time, running int, started bool) {
	b := p.advance(at.Unix())
	p.level = running
	b.Most = max(b.Most, running)
	if started {
		b.Started++
	}
}

// beats are the seconds, the newest last.
func (p *pulse) beats(now time.Time) [][2]int {
	p.advance(now.Unix())
	list := make([][2]int, len(p.ring))
	for i := range list {
		b := p.ring[(p.second+1+int64(i))%int64(len(p.ring))]
		list[i] = [2]int{b.Most, b.Started}
	}
	return list
}
