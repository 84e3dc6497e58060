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
	// restartPatience is how long a refused connection is tried again: an app that a supervisor restarts is back by
	// then.
	restartPatience = 2 * time.Second
	// answerMargin is kept before an invocation's deadline for telling Lambda why there is no answer.
	answerMargin = 200 * time.Millisecond
	// dialTimeout bounds one attempt to connect.
	dialTimeout = 2 * time.Second
	// largeBody is the size from which a body is sent beside the reading of the response. An app may send its
	// answer while it still reads; two sides that both only write would wait for each other for ever.
	largeBody = 32 << 10
)

// Limits are the times within which one exchange must be over; zero times mean none.
type Limits struct {
	// Deadline is when Lambda ends the invocation.
	Deadline time.Time
	// GiveUp is when the exchange with the app is broken off, from AWS_LWA_DEADLINE_MARGIN_MS.
	GiveUp time.Time
}

// Client is one worker's connection to the app.
type Client struct {
	http1.Conn
	// LambdaPorts are ports that belong to Lambda; a hint to where the app listens leaves them out.
	LambdaPorts []int

	address   Address
	dialer    dialer
	idleLimit time.Duration
	idleSince instant
	slept     time.Duration // how long the environment was idle by the deadlines of two invocations

	started time.Time
	writing <-chan error // of the body that is being sent, nil if none is
}

// NewClient returns a client that keeps an idle connection for at most idleLimit; 0 means that no connection is used
// twice.
func NewClient(address Address, idleLimit time.Duration) *Client {
	return &Client{address: address, dialer: newDialer(address), idleLimit: idleLimit}
}

// Slept tells the client that at least this much time passed since its last exchange, whatever the clocks here say.
func (c *Client) Slept(d time.Duration) { c.slept = d }

// Do sends a request and reads the head of the response. The caller reads the body with Next and then calls Finish.
//
// A kept connection that dies before the first byte of a response is replaced once, if the method may be repeated or
// nothing was sent. That is the only case in which the app can see a request twice.
func (c *Client) Do(r *request.Request, limits Limits) *failure.Failure {
	c.started = time.Now()
	reused := c.reusable()
	for {
		if !reused {
			if err := c.connect(limits); err != nil {
				return err
			}
		}
		c.SetDeadline(limits.GiveUp)
		sent, sendErr := c.send(r)
		err := c.ReadHead(r.IsHead())
		if err == nil {
			return nil
		}
		c.drop()
		if reused && c.Received() == 0 && !http1.IsTimeout(err) && (sent == 0 || r.Repeatable()) {
			reused = false
			continue
		}
		if sendErr != nil && errors.Is(err, io.EOF) {
			err = sendErr
		}
		return c.failed(err, "before it had answered")
	}
}

// reusable reports whether the kept connection can take another request.
func (c *Client) reusable() bool {
	if !c.Reusable() {
		return false
	}
	limit := c.idleLimit
	if c.IdleLimit > 0 {
		limit = min(limit, c.IdleLimit/2)
	}
	return c.idleSince.since() < limit && c.slept < limit && c.Quiet()
}

// connect opens a new connection in the place of the kept one; an app that serves one connection at a time must not
// see two.
func (c *Client) connect(limits Limits) *failure.Failure {
	c.Close()
	patience := restartPatience
	if !limits.Deadline.IsZero() {
		patience = min(patience, time.Until(limits.Deadline)-answerMargin)
	}
	if !limits.GiveUp.IsZero() {
		patience = min(patience, time.Until(limits.GiveUp))
	}
	for {
		sock, err := c.dialer.dial(dialTimeout)
		if err == nil {
			c.Attach(sock)
			return nil
		}
		waited := time.Since(c.started)
		if errors.Is(err, syscall.ECONNRESET) { // somebody took the connection
			return c.failed(err, "before it had answered")
		}
		if !isRefused(err) || waited >= patience {
			return failure.New(failure.AppConnect, "no connection to the app at "+c.address.String()+" within "+
				milliseconds(waited)+": "+dialReason(err)+listenHint(c.address, c.LambdaPorts))
		}
		time.Sleep(probeStep(waited)) // not pause: other workers go on meanwhile
	}
}

// probeStep is the pause between two attempts to connect: short at first, when it decides how soon a started app is
// seen, then longer, to leave the CPU to the app.
func probeStep(waited time.Duration) time.Duration {
	return min(max(waited/512, 300*time.Microsecond), 5*time.Millisecond)
}

// send writes the request. A failure to send is no failure yet: the app may have answered before it read everything.
func (c *Client) send(r *request.Request) (sent int64, err error) {
	if len(r.Body) <= largeBody {
		return c.Send(r.Head, r.Body)
	}
	sent, err = c.Send(r.Head, nil)
	if err != nil {
		return sent, err
	}
	c.writing = c.WriteBeside(r.Body)
	return sent, nil
}

// Finish is called after the body was read to its end, or given up. It keeps the connection if it can be used again.
func (c *Client) Finish() {
	if c.writing != nil {
		select {
		case err := <-c.writing:
			c.writing = nil
			if err != nil {
				c.Close()
			}
		default: // the app answered without reading everything
			c.drop()
		}
	}
	if !c.Reusable() || c.idleLimit == 0 {
		c.Close()
		return
	}
	c.SetDeadline(time.Time{})
	c.idleSince = currentInstant()
	c.slept = 0
}

// drop closes the connection and waits until nothing is sent from the request's buffers any more.
func (c *Client) drop() {
	c.Close()
	if c.writing != nil {
		<-c.writing
		c.writing = nil
	}
}

// Abort gives up the exchange.
func (c *Client) Abort() { c.drop() }

// BodyFailed names an error of Next.
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
