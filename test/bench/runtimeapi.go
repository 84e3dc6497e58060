//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// runtimeAPI is Lambda's Runtime API and Extensions API as one adapter sees them. It is not that of package lambda,
// whose goroutines and strict reading would be a third of what is measured: an event of 1 KB takes 88 us there from
// hand-over to answer, and 57 us here.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
type runtimeAPI struct {
	loop       *loop
	at         *listener
	registered time.Time // when the request came
	polled     time.Time // when the first request for an invocation came
	parked     []*conn   // workers that wait for an invocation
	batch      *batch
	app        *webApp // whose held response is released by the first byte that arrives
}

// batch is a number of invocations; each waiting worker is given the next one.
type batch struct {
	event    []byte
	count    int
	gap      time.Duration // between a request for an invocation and its answer
	reply    *reply
	given    int
	answered int
	last     time.Time // when the last response was there

	began     []time.Time     // by number of the invocation: when it was handed to the adapter
	took      []time.Duration // until the response was there
	firstByte []time.Duration // until the first byte of a streamed body was there
}

const (
	idPrefix = "8476a536-e9f4-11e8-9739-" // an invocation's number makes it a UUID
	idDigits = 12
	// lambdaTimeout is the function's timeout, from which deadlines come.
	lambdaTimeout = 30 * time.Second
	// oneWrite is the largest event that leaves together with its head.
	oneWrite = 64 << 10
)

var (
	nextLine      = []byte("GET /2018-06-01/runtime/invocation/next ")
	answerLine    = []byte("POST /2018-06-01/runtime/invocation/" + idPrefix)
	registerLine  = []byte("POST /2020-01-01/extension/register ")
	extensionLine = []byte("GET /2020-01-01/extension/event/next ")
	accepted      = []byte("HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n" +
		"Content-Length: 15\r\n\r\n{\"status\":\"OK\"}")
	registeredText = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Extension-Identifier: " +
		"3cdb3f0c-5c9b-4c1e-8f0e-1b1ff3b7a3f1\r\nContent-Length: 71\r\n\r\n" +
		`{"functionName":"bench","functionVersion":"$LATEST","handler":"run.sh"}`)
	eventHead = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
		"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111122223333:function:bench\r\n" +
		"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n" +
		"Lambda-Runtime-Aws-Request-Id: " + idPrefix)
)

// start begins a batch with the workers that wait.
func (r *runtimeAPI) start(b *batch) {
	b.began = make([]time.Time, b.count)
	b.took = make([]time.Duration, b.count)
	b.firstByte = make([]time.Duration, b.count)
	r.batch = b
	waiting := r.parked
	r.parked = nil
	for _, c := range waiting {
		r.next(c)
	}
}

// done reports whether every invocation of the batch is answered, and every worker waits again.
func (r *runtimeAPI) done(workers int) bool {
	return r.batch.answered == r.batch.count && len(r.parked) >= workers
}

func (r *runtimeAPI) serve(c *conn) {
	head := c.in[:c.head]
	switch {
	case bytes.HasPrefix(head, answerLine):
		r.answer(c)
	case bytes.HasPrefix(head, nextLine):
		if r.polled.IsZero() {
			r.polled = time.Now()
		}
		c.consume()
		r.next(c)
	case bytes.HasPrefix(head, registerLine):
		r.registered = time.Now()
		c.consume()
		c.send(registeredText)
	case bytes.HasPrefix(head, extensionLine):
		c.consume() // no event is subscribed, so none comes
	default:
		r.loop.fail(fmt.Errorf("the adapter sent %s", excerpt(c.in[:min(c.end, len(c.in))])))
	}
}

// next gives a worker an invocation, or lets it wait.
func (r *runtimeAPI) next(c *conn) {
	b := r.batch
	if b == nil || b.given == b.count {
		r.parked = append(r.parked, c)
		return
	}
	number := b.given
	b.given++
	rest(b.gap)
	head := append(c.scratch[:0], eventHead...)
	head = appendNumber(head, number)
	head = append(head, "\r\nLambda-Runtime-Deadline-Ms: "...)
	head = strconv.AppendInt(head, time.Now().Add(lambdaTimeout).UnixMilli(), 10)
	head = append(head, "\r\nContent-Length: "...)
	head = strconv.AppendInt(head, int64(len(b.event)), 10)
	head = append(head, "\r\n\r\n"...)
	if len(b.event) <= oneWrite {
		head = append(head, b.event...)
		c.scratch = head
		b.began[number] = time.Now()
		c.send(head)
		return
	}
	c.scratch = head
	b.began[number] = time.Now()
	c.send(head, b.event)
}

// answer takes the response of an invocation. It is compared with what is expected after the adapter was told that it
// was accepted, outside of the measured time.
func (r *runtimeAPI) answer(c *conn) {
	now := time.Now()
	b := r.batch
	number, isResponse := answeredInvocation(c.in[:c.head])
	switch {
	case !isResponse:
		r.loop.fail(fmt.Errorf("the adapter reported an error: %s", excerpt(c.in[:c.end])))
		return
	case b == nil || number >= b.given || b.began[number].IsZero() || b.took[number] != 0:
		r.loop.fail(fmt.Errorf("the adapter answered an invocation that is not its own: %s", excerpt(c.in[:c.head])))
		return
	}
	b.took[number], b.last = now.Sub(b.began[number]), now
	b.answered++
	c.send(accepted)
	if err := b.reply.check(&c.message, c.in); err != nil {
		r.loop.fail(err)
		return
	}
	c.consume()
}

// arrived notes when the first byte of a streamed body is there, and lets the app send the rest.
func (r *runtimeAPI) arrived(c *conn) {
	b := r.batch
	if b == nil || !b.reply.streamed || !c.chunked || c.head == 0 {
		return
	}
	number, isResponse := answeredInvocation(c.in[:c.head])
	if !isResponse || number >= b.given || b.firstByte[number] != 0 {
		return
	}
	now := time.Now()
	c.scratch, _ = c.appendBody(c.scratch[:0], c.in) // a bad chunk shows when the message is whole
	if end := bytes.Index(c.scratch, make([]byte, 8)); end >= 0 && len(c.scratch) > end+8 {
		b.firstByte[number] = now.Sub(b.began[number])
		r.app.release()
	}
}

// answeredInvocation reads the number of the invocation from the request line of its response.
func answeredInvocation(head []byte) (number int, isResponse bool) {
	if !bytes.HasPrefix(head, answerLine) || len(head) < len(answerLine)+idDigits {
		return 0, false
	}
	for _, digit := range head[len(answerLine) : len(answerLine)+idDigits] {
		number = number*10 + int(digit-'0')
	}
	return number, bytes.HasPrefix(head[len(answerLine)+idDigits:], []byte("/response "))
}

func appendNumber(dst []byte, number int) []byte {
	var digits [idDigits]byte
	for i := idDigits - 1; i >= 0; i-- {
		digits[i] = byte('0' + number%10)
		number /= 10
	}
	return append(dst, digits[:]...)
}

// rest keeps this thread quiet for a while, without the Go scheduler taking part.
func rest(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(int64(d))
		_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
	}
}
