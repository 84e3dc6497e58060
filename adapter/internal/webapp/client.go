package webapp

import (
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/request"
)

const (
	// restartPatience is how long a refused connection is tried again: an app that a supervisor
	// restarts is back by then.
	restartPatience = 2 * time.Second
	// answerMargin is kept before an invocation's deadline for telling Lambda why there is no
	// answer.
	answerMargin = 200 * time.Millisecond
	// largeBody is the size from which a body is sent beside the reading of the response. An app
	// may send its answer while it still reads; two sides that both only write would wait for each
	// other for ever.
	largeBody = 32 << 10
)

// Limits are the times within which one exchange must be over; zero times mean none.
type Limits struct {
	// Deadline is when Lambda ends the invocation.
	Deadline time.Time
	// GiveUp is when the exchange with the app is broken off, from AWS_LWA_DEADLINE_MARGIN_MS.
	GiveUp time.Time
}

// connectBy is when a connection to the app must stand; the zero time means any time.
func (l Limits) connectBy() time.Time {
	by := l.Deadline
	if !by.IsZero() {
		by = by.Add(-answerMargin)
	}
	if !l.GiveUp.IsZero() && (by.IsZero() || l.GiveUp.Before(by)) {
		by = l.GiveUp
	}
	return by
}

// Client sends requests to the app, one at a time: Do, then Body to its end, then Finish; or Abort
// at any time.
type Client struct {
	// LambdaPorts are ports that belong to Lambda; a hint to where the app listens leaves them out.
	LambdaPorts []int

	address   Address
	dialer    *http1.Dialer
	conn      http1.Conn
	idleLimit time.Duration

	limits    Limits    // of the last exchange
	started   time.Time // the last exchange
	triedTill time.Time // when the last exchange that found nobody gave up
	idleSince time.Time // the end of the last exchange

	writing <-chan error // of the body that is being sent, nil if none is
}

// NewClient returns a client that keeps an idle connection for at most idleLimit; 0 means that no
// connection is used twice.
func NewClient(address Address, idleLimit time.Duration) *Client {
	return &Client{address: address, dialer: http1.NewDialer(address.String()), idleLimit: idleLimit}
}

// Do sends a request and reads the head of the response, which is valid until the next Do.
//
// A kept connection that dies before the first byte of a response is replaced once, if the method
// may be repeated or nothing was sent. That is the only case in which the app can see a request
// twice.
func (c *Client) Do(r *request.Request, limits Limits) (*http1.Response, *failure.Failure) {
	began := time.Now()
	reused := c.conn.Reusable() && c.idle(began, limits) < c.keepFor() && c.conn.Silent()
	c.started, c.limits = began, limits
	for {
		if !reused {
			if err := c.connect(); err != nil {
				return nil, err
			}
		}
		c.conn.SetDeadline(limits.GiveUp)
		sent, sendErr := c.send(r)
		err := c.conn.ReadHead(r.IsHead())
		if err == nil {
			return &c.conn.Response, nil
		}
		received := c.conn.Received()
		c.Abort()
		if reused && received == 0 && !http1.IsTimeout(err) && (sent == 0 || r.Repeatable()) {
			reused = false
			continue
		}
		if sendErr != nil && errors.Is(err, io.EOF) {
			err = sendErr
		}
		return nil, c.failed(err, "before it had answered")
	}
}

// Body is the body of the response that Do has begun.
func (c *Client) Body() Body { return &c.conn }

// Body gives a response's body, in pieces or whole.
type Body interface {
	// Next returns the next bytes as soon as there are any, and io.EOF at the end. They are valid
	// until the next call.
	Next() ([]byte, error)
	// HasBody reports whether bytes are still to come.
	HasBody() bool
	// HasNext reports whether Next has something to give without waiting for the app.
	HasNext() bool
	// AppendNext appends to dst what Next would return. dst gets room for the whole of a body of
	// known length.
	AppendNext(dst []byte) ([]byte, error)
}

// idle is for how long the kept connection was not used. The clocks of an environment may stand
// still while it is frozen; the deadlines of two invocations are as far apart as the invocations
// themselves, because the function's timeout never changes. The first invocation has only the clock
// of the system, which Lambda sets.
func (c *Client) idle(now time.Time, limits Limits) time.Duration {
	idle := now.Round(0).Sub(c.idleSince)
	if !c.limits.Deadline.IsZero() && !limits.Deadline.IsZero() {
		used := c.idleSince.Sub(c.started.Round(0))
		idle = max(idle, limits.Deadline.Sub(c.limits.Deadline)-used)
	}
	return idle
}

// keepFor is how long an idle connection may be used again: the setting, and no more than half of
// what the app said.
func (c *Client) keepFor() time.Duration {
	if said := c.conn.IdleLimit; said > 0 {
		return min(c.idleLimit, said/2)
	}
	return c.idleLimit
}

// connect opens a new connection in the place of the kept one; an app that serves one connection at
// a time must not see two. Where nobody listens it is tried again for a while; a listener that has
// no time, because its queue is full, is waited for until the end.
func (c *Client) connect() *failure.Failure {
	c.conn.Close()
	by := c.limits.connectBy()
	for {
		sock, err := c.dialer.Dial(by)
		if err == nil {
			c.conn.Attach(sock)
			return nil
		}
		now := time.Now()
		waited := now.Sub(c.started)
		if errors.Is(err, syscall.ECONNRESET) { // somebody took the connection
			return c.failed(err, "before it had answered")
		}
		if !isRefused(err) || waited >= restartPatience || !by.IsZero() && !now.Before(by) {
			c.triedTill = now
			return failure.New(failure.AppConnect, "no connection to the app at "+c.address.String()+" within "+
				milliseconds(waited)+": "+dialReason(err)+listenHint(c.address, c.LambdaPorts))
		}
		pause := restartStep(waited)
		if !by.IsZero() {
			pause = min(pause, by.Sub(now))
		}
		time.Sleep(pause)
	}
}

// Tried is from when to when the last Do looked for somebody at the app's address, if it found
// nobody.
func (c *Client) Tried() (from, until time.Time) { return c.started, c.triedTill }

// restartStep is the pause between two attempts to connect to an app that is away: a sixteenth of
// what the request has waited anyway, so that many workers that wait leave the CPU to the app.
func restartStep(waited time.Duration) time.Duration {
	return min(max(waited/16, time.Millisecond), 50*time.Millisecond)
}

// send writes the request. A failure to send is no failure yet: the app may have answered before it
// read everything.
func (c *Client) send(r *request.Request) (sent int64, err error) {
	if len(r.Body) <= largeBody {
		return c.conn.Send(r.Head, r.Body)
	}
	sent, err = c.conn.Send(r.Head, nil)
	if err != nil {
		return sent, err
	}
	c.writing = c.conn.WriteAsync(r.Body)
	return sent, nil
}

// Finish ends an exchange whose body was read as far as it is wanted. It keeps the connection if it
// can be used again.
func (c *Client) Finish() {
	if c.writing != nil {
		select {
		case err := <-c.writing:
			c.writing = nil
			if err != nil {
				c.conn.Close()
			}
		default: // the app answered without reading everything
			c.Abort()
		}
	}
	if !c.conn.Reusable() || c.idleLimit == 0 {
		c.conn.Close()
		return
	}
	c.conn.SetDeadline(time.Time{})
	c.idleSince = time.Now().Round(0)
}

// Abort closes the connection, in the middle of an exchange or not, and waits until nothing is sent
// from the request's buffers any more.
func (c *Client) Abort() {
	c.conn.Close()
	if c.writing != nil {
		<-c.writing
		c.writing = nil
	}
}

// Shrink gives up a buffer that a large response has left behind, unless the last one needed it
// too. It is for between two exchanges.
func (c *Client) Shrink() { c.conn.Shrink() }

// BodyFailed names an error of the body's Next.
func (c *Client) BodyFailed(err error) *failure.Failure {
	return c.failed(err, "in the middle of its answer")
}

func (c *Client) failed(err error, when string) *failure.Failure {
	after := milliseconds(time.Since(c.started))
	at := "the app at " + c.address.String()
	switch {
	case http1.IsTimeout(err):
		return failure.New(failure.AppTimeout, at+" had not finished its answer after "+after+
			", and the deadline is near (AWS_LWA_DEADLINE_MARGIN_MS)")
	case errors.Is(err, http1.ErrMalformed):
		return failure.New(failure.AppBadResponse, at+" answered after "+after+" with bad HTTP: "+http1.Reason(err))
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failure.New(failure.AppBadResponse, at+" closed the connection after "+after+" "+when)
	}
	return failure.New(failure.AppBadResponse, at+" broke the connection after "+after+" "+when+": "+http1.Reason(err))
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
}
