package webapp

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/request"
)

const (
	// probeCap bounds the wait for the answer to one probe.
	probeCap = 10 * time.Second
	// unhealthyPause is the shortest time between two probes that the app answers, so that a
	// failing health page does not fill the app's log.
	unhealthyPause = 10 * time.Millisecond
	// pagePatience and pageLimit are how long, and how many bytes of, the page behind a probe's
	// status is read.
	pagePatience = 500 * time.Millisecond
	pageLimit    = 1 << 20
)

// Check is the question whether the app is ready.
type Check struct {
	Address Address
	TCP     bool   // a connection is enough
	Path    string // of the GET request
	Healthy func(status int) bool
	Limit   time.Duration // give up after this time; 0 means never
	LimitOf string        // what the limit is, for the error
	// LambdaPorts are ports that belong to Lambda, so that they are not taken for the app's.
	LambdaPorts []int
	// Discover looks for the app elsewhere if nobody listens at Address.
	Discover bool
}

// Readiness is the answer to a Check: it becomes ready, or fails.
type Readiness struct {
	check   Check
	log     *logging.Logger
	started time.Time
	dialer  *http1.Dialer
	conn    http1.Conn
	probe   []byte

	done       chan struct{}
	err        error     // valid once done is closed
	readySince time.Time // valid once done is closed
	status     int       // of the last answer, valid once done is closed
	server     []byte    // of the last answer's Server field, likewise

	mu      sync.Mutex
	address Address   // of the app's readiness page: the expected one, or where it was found
	settled bool      // the address does not change any more
	cause   string    // of the last attempt that came to an end
	pending time.Time // since when an answer is waited for; zero if none is
}

// NewReadiness prepares a check whose times count from started.
func NewReadiness(check Check, started time.Time, log *logging.Logger) *Readiness {
	r := &Readiness{
		check: check, log: log, started: started,
		dialer:  http1.NewDialer(check.Address.String()),
		done:    make(chan struct{}),
		cause:   notTried,
		address: check.Address,
	}
	r.probe = append(append([]byte("GET "), request.EscapeTarget(check.Path)...), " HTTP/1.1\r\nhost: "...)
	r.probe = append(r.probe, check.Address.HostField()+
		"\r\nuser-agent: lambda-web-adapter/1.0\r\naccept: */*\r\n\r\n"...)
	return r
}

// Run asks until the app is ready or the limit is reached, and tells in the log how it goes.
func (r *Readiness) Run() {
	go r.report()
	var elsewhere <-chan *Readiness
	for {
		connected, ready := r.attempt()
		if !ready {
			select {
			case found := <-elsewhere:
				ready = r.adopt(found)
			default:
			}
		}
		if ready {
			r.readySince = time.Now().Round(0)
			break
		}
		waited := time.Since(r.started)
		if r.check.Limit > 0 && waited >= r.check.Limit {
			r.err = failure.New(failure.AppNotReady, "the app was not ready after "+seconds(waited)+
				" ("+r.check.LimitOf+"): "+r.describe())
			break
		}
		if r.check.Discover && elsewhere == nil && !connected && waited >= discoveryDelay {
			elsewhere = discover(r.check, r.log, r.done).found
		}
		step := probeStep(waited)
		if connected {
			step = max(step, unhealthyPause)
		}
		pause(step)
	}
	close(r.done)
}

// adopt takes over the probe of an app that was found at another address, unless it is too late for
// that.
func (r *Readiness) adopt(found *Readiness) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		found.conn.Close()
		return false
	}
	expected := r.address
	r.address, r.dialer, r.probe = found.address, found.dialer, found.probe
	r.conn, found.conn = found.conn, http1.Conn{}
	r.log.Write(logging.Info, nil, "the app listens on "+strconv.Itoa(r.address.Port)+", not "+
		strconv.Itoa(expected.Port)+"; set port: "+strconv.Itoa(r.address.Port)+" (AWS_LWA_PORT)")
	return true
}

// Settle ends the search for another address. It returns the one that counts from now on.
func (r *Readiness) Settle() Address {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = true
	return r.address
}

func (r *Readiness) where() Address {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.address
}

// probeStep is the pause between two attempts to connect: short at first, when it decides how soon
// a started app is seen, then longer, to leave the CPU to the app.
func probeStep(waited time.Duration) time.Duration {
	return min(max(waited/512, 300*time.Microsecond), 5*time.Millisecond)
}

// attempt asks once. connected is true if the app took the connection.
func (r *Readiness) attempt() (connected, ready bool) {
	if !r.conn.Usable() {
		sock, err := r.dialer.Dial(r.probeEnd())
		if err != nil {
			r.conn.Close()
			r.because(dialReason(err))
			return false, false
		}
		r.conn.Attach(sock)
	}
	if r.check.TCP {
		r.conn.Close()
		return true, true
	}
	cause := r.ask()
	if cause != "" {
		r.because(cause)
	}
	return true, cause == ""
}

// ask sends the GET request and waits for its answer: a pre-fork server takes connections long
// before a worker can answer, and probes that are given up early would pile up in its queue. It
// returns why the app is not ready, or an empty text. The connection stays open if it can be used
// again.
func (r *Readiness) ask() (cause string) {
	r.wait(time.Now())
	defer r.wait(time.Time{})
	r.conn.SetDeadline(r.probeEnd())
	_, sendErr := r.conn.Send(r.probe, nil)
	err := r.conn.ReadHead(false)
	switch {
	case http1.IsTimeout(err):
		r.conn.Close()
		return r.timedOut()
	case errors.Is(err, http1.ErrMalformed):
		r.conn.Close()
		return "bad HTTP (" + http1.Reason(err) + ")"
	case err != nil:
		r.conn.Close()
		if sendErr != nil {
			err = sendErr
		}
		return http1.Reason(err)
	}
	r.status, r.server = r.conn.Status, nil
	for _, f := range r.conn.Fields {
		if string(f.Name) == "server" {
			r.server = bytes.Clone(f.Value)
		}
	}
	r.finishBody()
	if !r.check.Healthy(r.conn.Status) {
		return "status " + strconv.Itoa(r.conn.Status)
	}
	return ""
}

// probeEnd is when a probe that begins now is given up.
func (r *Readiness) probeEnd() time.Time {
	end := time.Now().Add(probeCap)
	if limit := r.started.Add(r.check.Limit); r.check.Limit > 0 && limit.Before(end) {
		return limit
	}
	return end
}

// finishBody reads the body, so that the connection can be kept. The status has said already
// whether the app is ready: a page that is long, or slow, or has no end, is left unread, and the
// connection closed.
func (r *Readiness) finishBody() {
	r.conn.SetDeadline(time.Now().Add(pagePatience))
	for size := 0; size <= pageLimit; {
		piece, err := r.conn.Next()
		if err == io.EOF {
			r.conn.SetDeadline(time.Time{})
			return
		}
		if err != nil {
			break
		}
		size += len(piece)
	}
	r.conn.Close()
}

// timedOut says so in the log at once: the wait was long, and the next probe may be answered.
func (r *Readiness) timedOut() (cause string) {
	r.mu.Lock()
	cause, waited := r.cause, time.Since(r.pending)
	r.mu.Unlock()
	timeout := "timeout, no answer within " + seconds(waited)
	if waited > probeCap/2 {
		r.log.Write(logging.Info, nil, "a readiness probe of "+r.where().String()+" was given up: "+timeout)
		return timeout
	}
	if cause == notTried {
		return timeout
	}
	return cause + ", then " + timeout
}

// notTried is the cause before the first attempt has ended.
const notTried = "not tried yet"

func (r *Readiness) because(cause string) {
	r.mu.Lock()
	r.cause = cause
	r.mu.Unlock()
}

func (r *Readiness) wait(since time.Time) {
	r.mu.Lock()
	r.pending = since
	r.mu.Unlock()
}

// lastCause is what the last attempt came to, and whether another one waits for its answer.
func (r *Readiness) lastCause() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending.IsZero() {
		return r.cause
	}
	waiting := "connected, but no answer for " + seconds(time.Since(r.pending))
	if r.cause == notTried || time.Since(r.pending) > time.Second {
		return waiting
	}
	return r.cause
}

// describe says what was asked, what came back, and where the app listens instead.
func (r *Readiness) describe() string {
	cause, address := r.lastCause(), r.where()
	what := "GET http://" + address.String() + r.check.Path
	if r.check.TCP {
		what = "connect to " + address.String()
	} else if address.IsUnix() {
		what = "GET " + r.check.Path + " over " + address.String()
	}
	return what + ": " + cause + listenHint(address, r.check.LambdaPorts)
}

// report tells the log why the app is not ready: after 1, 2 and 5 seconds, then every 5.
func (r *Readiness) report() {
	for next := time.Second; ; next = nextReport(time.Since(r.started)) {
		select {
		case <-r.done:
			return
		case <-time.After(time.Until(r.started.Add(next))):
		}
		r.log.Write(logging.Info, nil, "the app is not ready after "+seconds(time.Since(r.started))+": "+r.describe())
	}
}

// nextReport is when the log is told next. What was missed, as the environment was frozen, is not
// made up for.
func nextReport(waited time.Duration) time.Duration {
	switch {
	case waited < 2*time.Second:
		return 2 * time.Second
	case waited < 5*time.Second:
		return 5 * time.Second
	}
	return waited.Truncate(5*time.Second) + 5*time.Second
}

// Wait waits until the app is ready, or until t unless t is zero.
func (r *Readiness) Wait(t time.Time) error {
	select {
	case <-r.done:
		return r.err
	default:
	}
	var expired <-chan time.Time
	if !t.IsZero() {
		timer := time.NewTimer(time.Until(t))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-r.done:
		return r.err
	case <-expired:
		return failure.New(failure.AppNotReady, "the app is not ready after "+
			seconds(time.Since(r.started))+": "+r.describe())
	}
}

// HandOver gives the connection of the last probe, which the app has accepted already, to the first
// client.
func (r *Readiness) HandOver(c *Client) {
	if r.where() != c.address || c.idleLimit == 0 || !r.conn.Reusable() {
		r.conn.Close()
		return
	}
	c.conn.Close()
	c.conn, r.conn = r.conn, http1.Conn{}
	c.idleSince = r.readySince
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// Answer is how the app answered the last probe: its status, 0 if a connection was enough, and what it calls its
// server. It is for after the wait.
func (r *Readiness) Answer() (status int, server []byte) { return r.status, r.server }

// Failed reports whether the check has ended without a ready app.
func (r *Readiness) Failed() bool {
	select {
	case <-r.done:
		return r.err != nil
	default:
		return false
	}
}
