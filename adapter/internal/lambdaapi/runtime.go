package lambdaapi

import (
	"errors"
	"io"
	"strconv"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
)

// MaxResponse is the largest buffered response that Lambda takes, in bytes of JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const MaxResponse = 6291556

// maxPayload bounds what is read as an event; Lambda's own limit is 6 MB and may rise.
const maxPayload = 256 << 20

const smallBody = 32 << 10

// ErrFatal is wrapped by errors after which the execution environment is beyond repair: the process
// must exit, so that Lambda builds a new one.
var ErrFatal = errors.New("this environment is beyond repair")

// fatal wraps the cause of an ErrFatal.
type fatal struct{ cause error }

func (f fatal) Error() string {
	return f.cause.Error() + "; exiting, so that Lambda starts a new environment"
}
func (f fatal) Unwrap() []error { return []error{ErrFatal, f.cause} }

// Runtime is one worker's connection to the Runtime API.
type Runtime struct {
	address  string
	dialer   *http1.Dialer
	conn     http1.Conn
	nextHead []byte
	looked   time.Time // when a stream's reader was last seen
	out      []byte
	warn     func(id []byte, message string)
}

// NewRuntime returns a client for the Runtime API at address. Answers that an invocation cannot be
// saved from, but that the next one is not harmed by, are told to warn.
func NewRuntime(address string, warn func(id []byte, message string)) *Runtime {
	return &Runtime{
		address:  address,
		dialer:   http1.NewDialer(address),
		nextHead: []byte(requestHead("GET", "/2018-06-01/runtime/invocation/next", address) + "\r\n"),
		warn:     warn,
	}
}

// Next waits for the next invocation, however long that takes.
func (r *Runtime) Next(inv *Invocation) error {
	inv.reset()
	if err := r.connect(); err != nil {
		return err
	}
	if _, err := r.conn.Send(r.nextHead, nil); err != nil {
		return r.broken("ask for the next invocation", err)
	}
	if err := r.conn.ReadHead(false); err != nil {
		return r.broken("wait for the next invocation", err)
	}
	if r.conn.Status != 200 {
		return r.refused()
	}
	for _, field := range r.conn.Fields {
		inv.readField(field.Name, field.Value)
	}
	var err error
	if inv.Payload, _, err = r.conn.AppendBody(inv.Payload, maxPayload); err != nil {
		return r.broken("read the event", err)
	}
	if len(inv.ID) == 0 {
		return errors.New("the next invocation has no Lambda-Runtime-Aws-Request-Id header and cannot be answered")
	}
	return nil
}

// refused reads an answer to `next` that is not an invocation.
func (r *Runtime) refused() error {
	status := r.conn.Status
	body, whole, err := r.conn.AppendBody(nil, 64<<10)
	if err != nil || !whole {
		r.conn.Close()
	}
	err = errors.New("ask for the next invocation: status " + strconv.Itoa(status) + ", " + string(body))
	if status == 403 || status == 500 {
		return fatal{err}
	}
	return err
}

func (r *Runtime) connect() error { return connect(&r.conn, r.dialer, r.address) }

// AwaitListener waits until somebody listens at the address: the proxy of another extension may
// start later than this process. There is no limit, as Lambda has one for the init phase.
func (r *Runtime) AwaitListener() {
	for failures := 1; ; failures++ {
		err := r.connect()
		if err == nil {
			return
		}
		if failures&(failures-1) == 0 { // fewer and fewer lines
			r.warn(nil, err.Error()+"; waiting for it")
		}
		time.Sleep(backOff(failures))
	}
}

// Drop closes the connection; the next call opens a new one.
func (r *Runtime) Drop() { r.conn.Close() }

func (r *Runtime) broken(attempt string, err error) error {
	r.conn.Close()
	return errors.New(attempt + " at " + r.address + ": " + http1.Reason(err))
}

// Shrink gives up a buffer that a large event has left behind, unless the last answer needed it
// too.
func (r *Runtime) Shrink() { r.conn.Shrink() }

// Respond sends the answer of an invocation.
func (r *Runtime) Respond(inv *Invocation, body []byte) error {
	r.out = r.appendHead(r.out[:0], inv, "/response")
	r.out = append(r.out, "content-type: application/json\r\n"...)
	return r.post(inv, "send the response", body)
}

// Fail reports that an invocation has no answer.
func (r *Runtime) Fail(inv *Invocation, f *failure.Failure) error {
	r.out = r.appendHead(r.out[:0], inv, "/error")
	r.out = append(r.out, "content-type: application/json\r\nlambda-runtime-function-error-type: "...)
	r.out = append(append(r.out, f.Reported()...), "\r\n"...)
	return r.post(inv, "report the error "+f.Type, appendError(nil, f))
}

// FailInit reports that the init phase failed; the process must exit afterwards.
func (r *Runtime) FailInit(f *failure.Failure) error {
	return r.report("/2018-06-01/runtime/init/error", f)
}

// FailRestore reports that the environment cannot be used after it was restored from a snapshot.
func (r *Runtime) FailRestore(f *failure.Failure) error {
	return r.report("/2018-06-01/runtime/restore/error", f)
}

func (r *Runtime) report(path string, f *failure.Failure) error {
	if err := r.connect(); err != nil {
		return err
	}
	r.out = append(r.out[:0], requestHead("POST", path, r.address)...)
	r.out = append(r.out, "content-type: application/json\r\nlambda-runtime-function-error-type: "+f.Type+"\r\n"...)
	body := appendError(nil, f)
	r.appendLength(len(body))
	if _, err := r.conn.Send(r.out, body); err != nil {
		return r.broken("report the failed start", err)
	}
	_, _, err := readAnswer(&r.conn)
	return err
}

// ErrNoRestore is wrapped by the error of an API that knows no restores.
var ErrNoRestore = errors.New("the function has no SnapStart here")

// AwaitRestore says that init is over and waits until the environment was restored from its snapshot.
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-custom.html
func (r *Runtime) AwaitRestore() error {
	const attempt = "wait for the restore (restore/next)"
	if err := r.connect(); err != nil {
		return errors.New(attempt + ": " + err.Error())
	}
	head := requestHead("GET", "/2018-06-01/runtime/restore/next", r.address) + "\r\n"
	if _, err := r.conn.Send([]byte(head), nil); err != nil {
		return r.broken(attempt, err)
	}
	status, body, err := readAnswer(&r.conn)
	r.conn.Close() // a connection from before the snapshot is not trusted behind it
	switch {
	case err != nil:
		return errors.New(attempt + " at " + r.address + ": " + err.Error())
	case status == 404:
		return noRestore(attempt + " at " + r.address + ": status 404")
	case status != 200:
		return errors.New(attempt + " at " + r.address + ": status " + strconv.Itoa(status) + ", " + string(body))
	}
	return nil
}

type noRestore string

func (n noRestore) Error() string { return string(n) }
func (n noRestore) Unwrap() error { return ErrNoRestore }

// appendHead begins the request that answers an invocation.
func (r *Runtime) appendHead(dst []byte, inv *Invocation, what string) []byte {
	dst = append(dst, "POST /2018-06-01/runtime/invocation/"...)
	dst = append(append(dst, inv.ID...), what...)
	dst = append(append(dst, " HTTP/1.1\r\nhost: "...), r.address...)
	dst = append(dst, "\r\nuser-agent: "+userAgent+"\r\n"...)
	if len(inv.Echo) > 0 {
		dst = append(append(dst, "lambda-runtime-invocation-id: "...), inv.Echo...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

func (r *Runtime) appendLength(n int) {
	r.out = append(r.out, "content-length: "...)
	r.out = strconv.AppendInt(r.out, int64(n), 10)
	r.out = append(r.out, "\r\n\r\n"...)
}

// post sends the request that r.out begins and reads its answer. It tries a second time only if
// nothing was sent: a response that was sent twice could be taken for the answer of the next
// invocation.
func (r *Runtime) post(inv *Invocation, attempt string, body []byte) error {
	r.appendLength(len(body))
	head := r.out
	if len(body) <= smallBody {
		r.out = append(r.out, body...)
		head, body = r.out, nil
	}
	for try := 1; ; try++ {
		if err := r.connect(); err != nil {
			return err
		}
		sent, err := r.conn.Send(head, body)
		if err == nil || sent > 0 {
			return r.readPosted(inv, attempt, err)
		}
		if try == 2 {
			return r.broken(attempt, err)
		}
		r.conn.Close()
	}
}

// readPosted reads the answer to a posted response. Lambda may answer before it read everything, so
// the answer is looked for even if sending failed.
func (r *Runtime) readPosted(inv *Invocation, attempt string, sendErr error) error {
	err := r.conn.ReadHead(false)
	if err != nil {
		if sendErr != nil {
			err = sendErr
		}
		return r.broken(attempt, err)
	}
	status := r.conn.Status
	if status < 300 {
		for err == nil {
			_, err = r.conn.Next()
		}
		if err != io.EOF {
			r.conn.Close()
		}
		return nil
	}
	body, whole, err := r.conn.AppendBody(nil, 64<<10)
	if err != nil || !whole || sendErr != nil {
		r.conn.Close()
	}
	text := attempt + ": status " + strconv.Itoa(status) + ", " + string(body)
	switch status {
	case 500:
		return fatal{errors.New(text)}
	case 410:
		r.warn(inv.ID, text+" (the invocation timed out before its response came)")
		return nil
	}
	return errors.New(text)
}

// backOff is the pause after n failures in a row of `next`: 20 ms, doubled up to 1 s.
func backOff(failures int) time.Duration {
	return min(20*time.Millisecond<<min(failures-1, 10), time.Second)
}

// Poll is Next with patience: failures are followed by a pause, and Poll gives up with ErrFatal
// when they have gone on for limit.
func (r *Runtime) Poll(inv *Invocation, limit time.Duration) error {
	var since time.Time
	for failures := 1; ; failures++ {
		err := r.Next(inv)
		if err == nil || errors.Is(err, ErrFatal) {
			return err
		}
		r.conn.Close()
		if failures == 1 {
			since = time.Now()
		} else if time.Since(since) >= limit {
			return fatal{err}
		}
		r.warn(nil, err.Error())
		time.Sleep(backOff(failures))
	}
}
