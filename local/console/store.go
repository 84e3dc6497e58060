package console

import (
	"slices"
	"sync"
	"time"

	"lambda-web/local/gateway"
	"lambda-web/local/sandbox"
)

// What is kept. The oldest goes first.
const (
	keptInvocations = 500
	keptBytes       = 64 << 20 // of all bodies and lines; beyond that the oldest invocations lose theirs
	keptLines       = 64 << 10 // bytes of the lines of one invocation, or of one sandbox between invocations
	keptPieces      = 500      // of one stream
	keptSandboxes   = 60       // that have ended
	keptDeployments = 50
)

// invocation is what the records say of one. Everything is under the store's lock.
type invocation struct {
	id      string
	number  int    // counts up
	changed uint64 // the store's clock at the last change
	bytes   int    // of bodies and lines
	bare    bool   // bodies and lines were dropped

	request  *gateway.Request // nil for one that did not come through the gateway
	response *gateway.Response
	start    *sandbox.Start
	report   *sandbox.Report
	traffic  *sandbox.Traffic
	replayOf string
	stream   stream
	lines    lines
}

// stream is what has gone out of a streamed answer until now.
type stream struct {
	last   *gateway.Piece
	body   sandbox.Body
	pieces []piece
	more   int // pieces that are not kept one by one
}

type piece struct {
	time   time.Time
	offset int64
	size   int
}

// lines are the beginning and the end of a log, at most keptLines bytes of each.
type lines struct {
	first, last []sandbox.Line
	bytes       int // of first
	lastBytes   int
	dropped     int
}

// usualLines are START, END, REPORT and one or two of the app.
const usualLines = 5

func (l *lines) add(line sandbox.Line) (grown int) {
	size := len(line.Text) + 64
	if l.bytes+size <= keptLines/2 && len(l.last) == 0 {
		if l.first == nil {
			l.first = make([]sandbox.Line, 0, usualLines)
		}
		l.first = append(l.first, line)
		l.bytes += size
		return size
	}
	if size > keptLines/2 {
		line.Text = line.Text[:keptLines/2-64]
		size = keptLines / 2
	}
	l.last = append(l.last, line)
	l.lastBytes += size
	grown = size
	for l.lastBytes > keptLines/2 {
		size := len(l.last[0].Text) + 64
		l.last = l.last[1:]
		l.lastBytes -= size
		l.dropped++
		grown -= size
	}
	return grown
}

// store keeps the newest invocations, the sandboxes and the deployments.
type store struct {
	mu          sync.Mutex
	clock       uint64 // of changes
	count       int    // invocations ever
	bytes       int    // of all invocations
	oldest      int    // position in order of the oldest invocation that has its bodies
	order       []*invocation
	byID        map[string]*invocation
	sandboxes   []*sandboxState // in the order of their starts
	deployments []deployment
	running     int // invocations in sandboxes
	pulse       pulse
	watchers    map[chan struct{}]bool
}

type deployment struct {
	Deployment
	changed uint64
}

func (s *store) init() {
	s.byID, s.watchers = map[string]*invocation{}, map[chan struct{}]bool{}
}

// tick wakes the pages up. It needs the lock.
func (s *store) tick() uint64 {
	s.clock++
	for watcher := range s.watchers {
		select {
		case watcher <- struct{}{}:
		default: // told already
		}
	}
	return s.clock
}

// touch notes a change of an invocation and the bytes that it brought. It needs the lock.
func (s *store) touch(i *invocation, bytes int) {
	i.changed = s.tick()
	if i.bare {
		i.strip()
		return
	}
	i.bytes += bytes
	s.bytes += bytes
	for s.bytes > keptBytes && s.oldest < len(s.order) {
		old := s.order[s.oldest]
		s.oldest++
		if !old.bare {
			s.bytes -= old.bytes
			old.strip()
			old.changed = s.clock
		}
	}
}

// strip drops bodies and lines but keeps their sizes.
func (i *invocation) strip() {
	i.bare, i.bytes = true, 0
	if i.request != nil {
		i.request.Body.Bytes, i.request.Event.Bytes = nil, nil
	}
	if i.response != nil {
		i.response.Body.Bytes = nil
	}
	if i.start != nil {
		i.start.Event.Bytes = nil
	}
	if i.report != nil {
		i.report.Response.Bytes = nil
	}
	if i.traffic != nil {
		i.traffic.Sent.Bytes, i.traffic.Received.Bytes = nil, nil
	}
	i.stream.body.Bytes = nil
	i.lines = lines{dropped: i.lines.dropped + len(i.lines.first) + len(i.lines.last)}
}

// add makes an invocation. It needs the lock.
func (s *store) add(id string) *invocation {
	s.count++
	i := &invocation{id: id, number: s.count}
	s.byID[id] = i
	s.order = append(s.order, i)
	if len(s.order) > keptInvocations {
		gone := s.order[0]
		s.order[0] = nil
		s.order = s.order[1:]
		s.oldest = max(0, s.oldest-1)
		s.bytes -= gone.bytes
		gone.bare, gone.bytes = true, 0
		delete(s.byID, gone.id)
	}
	return i
}

// newest is the number of the newest invocation. It takes the lock.
func (s *store) newest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// from finds the request that came over a connection after another one, or "". It takes the lock.
func (s *store) from(remoteAddr string, after int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := len(s.order) - 1; at >= 0 && s.order[at].number > after; at-- {
		if q := s.order[at].request; q != nil && q.RemoteAddr == remoteAddr {
			return s.order[at].id
		}
	}
	return ""
}

// find takes the lock.
func (s *store) find(id string) *invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// gateway takes a record of the gateway.
func (s *store) gateway(r gateway.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r := r.(type) {
	case gateway.Request:
		i := s.add(r.RequestID)
		i.request = &r
		s.touch(i, len(r.Body.Bytes)+len(r.Event.Bytes))
	case gateway.Piece:
		if i := s.byID[r.RequestID]; i != nil {
			before := len(i.stream.body.Bytes)
			i.stream.add(r)
			s.touch(i, len(i.stream.body.Bytes)-before)
		}
	case gateway.Response:
		if i := s.byID[r.RequestID]; i != nil {
			i.response = &r
			bytes := len(r.Body.Bytes) - len(i.stream.body.Bytes) // it repeats the pieces
			i.stream.body.Bytes = nil
			s.touch(i, bytes)
		}
	}
}

func (t *stream) add(p gateway.Piece) {
	if len(t.pieces) < keptPieces {
		t.pieces = append(t.pieces, piece{p.Time, t.body.Size, len(p.Bytes)})
	} else {
		t.more++
	}
	t.body.Add(p.Bytes)
	p.Bytes = nil
	t.last = &p
}

// sandbox takes a record of a sandbox.
func (s *store) sandbox(r sandbox.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r := r.(type) {
	case sandbox.Start:
		i := s.byID[r.RequestID]
		if i == nil {
			i = s.add(r.RequestID)
		}
		bytes := len(r.Event.Bytes)
		if i.request != nil {
			r.Event, bytes = sandbox.Body{}, 0 // the gateway's
		}
		i.start = &r
		s.touch(i, bytes)
		s.busy(r.Source, 1, r.Began)
	case sandbox.Line:
		s.line(r)
	case sandbox.Traffic:
		if i := s.byID[r.RequestID]; i != nil {
			i.traffic = &r
			s.touch(i, len(r.Sent.Bytes)+len(r.Received.Bytes))
		}
	case sandbox.Report:
		if i := s.byID[r.RequestID]; i != nil {
			i.report = &r
			s.touch(i, len(r.Response.Bytes))
		}
		s.busy(r.Source, -1, r.Ended)
		s.reported(r)
	case sandbox.Change:
		s.change(r)
	}
}

func (s *store) line(r sandbox.Line) {
	if r.RequestID == "" {
		if state := s.sandboxOf(r.Source); state != nil {
			state.lines.add(r)
			state.changed = s.tick()
		}
		return
	}
	if i := s.byID[r.RequestID]; i != nil && !i.bare {
		s.touch(i, i.lines.add(r))
	}
}

// deployed takes a deployment.
func (s *store) deployed(d Deployment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deployments = append(s.deployments, deployment{d, s.tick()})
	if len(s.deployments) > keptDeployments {
		s.deployments = slices.Delete(s.deployments, 0, 1)
	}
}
