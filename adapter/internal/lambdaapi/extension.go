// Package lambdaapi is the client of the two APIs that Lambda offers inside an execution environment: the
// Extensions API, by which the adapter becomes part of the environment, and the Runtime API, from which it takes
// invocations.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambdaapi

import (
	"errors"
	"strconv"
	"time"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/http1"
	"lambda-web/adapter/internal/rawjson"
)

// ExtensionName must be the name of the binary's file in /opt/extensions. Lambda takes any other
// name for an internal extension.
const ExtensionName = "lambda-adapter"

const userAgent = "lambda-web-adapter/1.0"

const (
	registerTries = 5
	// answerTimeout is how long a call may take that Lambda answers at once.
	answerTimeout = 10 * time.Second
)

// Extension is this process as an extension.
type Extension struct {
	address string
	dialer  *http1.Dialer
	id      string
	conn    http1.Conn
	sent    error // how the first attempt to register went
}

// Begin connects to the Extensions API and sends the registration, without waiting for the answer.
// Lambda starts the app only when all extensions are registered, so this is the first thing that
// the process does. An empty address sends nothing.
func Begin(address string) *Extension {
	e := &Extension{address: address, dialer: http1.NewDialer(address)}
	if address != "" {
		e.sent = e.sendRegistration()
	}
	return e
}

func (e *Extension) sendRegistration() error {
	if err := e.connect(); err != nil {
		return err
	}
	const body = `{"events":[]}`
	head := requestHead("POST", "/2020-01-01/extension/register", e.address) +
		"lambda-extension-name: " + ExtensionName + "\r\n" +
		"content-type: application/json\r\ncontent-length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	e.conn.SetDeadline(time.Now().Add(answerTimeout))
	_, err := e.conn.Send([]byte(head), nil)
	return err
}

// Finish waits for the answer to the registration. Connection errors and 5xx are tried again up to
// five times, after first, 2*first, 4*first and so on; every other answer is final.
func (e *Extension) Finish(first time.Duration) error {
	err := e.sent
	for try := 1; ; try++ {
		again := true
		if err == nil {
			again, err = e.readRegistration()
		}
		if err == nil {
			return nil
		}
		if !again || try > registerTries {
			return errors.New("register the extension at " + e.address + ": " + err.Error())
		}
		time.Sleep(first << (try - 1))
		err = e.sendRegistration()
	}
}

func (e *Extension) readRegistration() (again bool, err error) {
	status, body, err := readAnswer(&e.conn)
	if err != nil {
		return true, err
	}
	if status != 200 {
		text := "status " + strconv.Itoa(status) + ", " + string(body)
		if status < 500 {
			text += "; the binary must be the file /opt/extensions/" + ExtensionName
		}
		return status >= 500, errors.New(text)
	}
	for _, field := range e.conn.Fields {
		if string(field.Name) == "lambda-extension-identifier" && len(field.Value) > 0 {
			e.id = string(field.Value)
			return false, nil
		}
	}
	return false, errors.New("the answer has no Lambda-Extension-Identifier header, so this is not the Extensions API")
}

// Park asks for the next extension event, which tells Lambda that this extension is ready. No event
// is subscribed, so an answer never comes; Park polls again, with a pause, if the call ends all the
// same. Its end never harms the function. It does not return.
func (e *Extension) Park() {
	head := []byte(requestHead("GET", "/2020-01-01/extension/event/next", e.address) +
		"lambda-extension-identifier: " + e.id + "\r\n\r\n")
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		e.parkOnce(head)
		time.Sleep(pause)
	}
}

func (e *Extension) parkOnce(head []byte) {
	if e.connect() != nil {
		return
	}
	e.conn.SetDeadline(time.Time{})
	if _, err := e.conn.Send(head, nil); err == nil {
		_, _, err = readAnswer(&e.conn)
		if err == nil && e.conn.Reusable() {
			return
		}
	}
	e.conn.Close()
}

// FailInit tells Lambda that the extension cannot start; the process must exit with an error
// afterwards.
func (e *Extension) FailInit(kind, message string) error {
	body := appendError(nil, failure.New(kind, message))
	head := requestHead("POST", "/2020-01-01/extension/init/error", e.address) +
		"lambda-extension-identifier: " + e.id + "\r\n" +
		"lambda-extension-function-error-type: " + kind + "\r\n" +
		"content-type: application/json\r\ncontent-length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	if err := e.connect(); err != nil {
		return err
	}
	e.conn.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := e.conn.Send([]byte(head), body); err != nil {
		return err
	}
	_, _, err := readAnswer(&e.conn)
	return err
}

// requestHead begins a request; the caller adds fields and the empty line.
func requestHead(method, path, address string) string {
	return method + " " + path + " HTTP/1.1\r\nhost: " + address + "\r\nuser-agent: " + userAgent + "\r\n"
}

func (e *Extension) connect() error { return connect(&e.conn, e.dialer, e.address) }

// connect makes sure that there is a connection fit for one more request.
func connect(conn *http1.Conn, dialer *http1.Dialer, address string) error {
	if conn.Usable() {
		return nil
	}
	sock, err := dialer.Dial(time.Now().Add(answerTimeout))
	if err != nil {
		return errors.New("connect to " + address + ": " + http1.Reason(err))
	}
	conn.Attach(sock)
	return nil
}

// readAnswer reads a short answer to its end.
func readAnswer(conn *http1.Conn) (status int, body []byte, err error) {
	if err := conn.ReadHead(false); err != nil {
		return 0, nil, errors.New(http1.Reason(err))
	}
	body, whole, err := conn.AppendBody(nil, 64<<10)
	if err != nil {
		return 0, nil, errors.New(http1.Reason(err))
	}
	if !whole {
		conn.Close()
	}
	return conn.Status, body, nil
}

func appendError(dst []byte, f *failure.Failure) []byte {
	dst = append(dst, `{"errorType":`...)
	dst = rawjson.AppendString(dst, []byte(f.Type))
	dst = append(dst, `,"errorMessage":`...)
	dst = rawjson.AppendString(dst, []byte(f.Message))
	if len(f.Members) > 0 {
		dst = append(append(dst, ','), f.Members...)
	}
	return append(dst, `,"stackTrace":[]}`...)
}
