package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// plan is what the schedule has in store for one invocation.
type plan struct {
	method    string
	request   []byte // body of the request
	reply     []byte // body of the reply
	binary    bool   // both bodies are bytes that are no text
	app       appFault
	next      nextFault
	answer    answerFault
	freeze    freeze
	before    before
	chunked   bool          // the reply is sent in chunks
	pause     time.Duration // of slow, restart and freeze
	closeIdle bool          // the application closes the idle connection after its reply
}

// appFault is how the application treats a request the first time it sees it. It serves a request that comes again.
type appFault string

const (
	appServes      appFault = "serves"
	appResetsHead  appFault = "resets before it reads the body"
	appResets      appFault = "resets after it has read"
	appCloses      appFault = "closes after it has read"
	appHalfHead    appFault = "sends half a head"
	appHalfBody    appFault = "sends half a body"
	appWrongLength appFault = "announces more than it sends"
	appTooMuch     appFault = "sends more than it announced"
	appGarbage     appFault = "sends garbage"
	appSlow        appFault = "is slow"
	appHangs       appFault = "hangs past the deadline"
	appHangsInBody appFault = "hangs in the body past the deadline"
	appEarly       appFault = "replies before it reads, and closes"
)

// nextFault is what becomes of the poll that should get the event.
type nextFault string

const (
	nextDelivers nextFault = "delivers"
	nextResets   nextFault = "resets the poll"
	nextFails    nextFault = "answers 503"
	nextHalf     nextFault = "delivers half an event"
	nextDribbles nextFault = "delivers in pieces"
	nextCloses   nextFault = "delivers and closes"
)

// answerFault is what becomes of the adapter's answer.
type answerFault string

const (
	answerTaken      answerFault = "taken"
	answerGone       answerFault = "410"
	answerTooLarge   answerFault = "413"
	answerFails      answerFault = "503"
	answerResetsHead answerFault = "reset before the body"
	answerResets     answerFault = "reset after the body"
)

// freeze is when the adapter stands still, and with freezeAll the application too, as in a frozen environment.
type freeze string

const (
	freezeNever  freeze = "never"
	freezeIdle   freeze = "idle"
	freezeAtApp  freeze = "while the application has the request"
	freezeAll    freeze = "of all, while the application has the request"
	freezeClosed freeze = "idle, and the application closes its connections meanwhile"
)

// before is what happens to the application as a whole before the invocation.
type before string

const (
	beforeNothing  before = "nothing"
	beforeRestart  before = "the application restarts"
	beforeRefusing before = "the application is down"
)

// weighted is a value and how often it comes in a thousand.
type weighted[T any] struct {
	value T
	times int
}

var appFaults = []weighted[appFault]{{appResetsHead, 15}, {appResets, 20}, {appCloses, 20}, {appHalfHead, 15},
	{appHalfBody, 20},
	{appWrongLength, 15}, {appTooMuch, 20}, {appGarbage, 15}, {appSlow, 20}, {appHangs, 5}, {appHangsInBody, 5},
	{appEarly, 15}, {appServes, 815}}

var nextFaults = []weighted[nextFault]{{nextResets, 10}, {nextFails, 10}, {nextHalf, 10}, {nextDribbles, 15},
	{nextCloses, 15}, {nextDelivers, 940}}

var answerFaults = []weighted[answerFault]{{answerGone, 10}, {answerTooLarge, 5}, {answerFails, 5}, {answerResetsHead,
	10}, {answerResets, 10}, {answerTaken, 960}}

var freezes = []weighted[freeze]{{freezeIdle, 8}, {freezeAtApp, 8}, {freezeAll, 8}, {freezeClosed, 8}, {freezeNever,
	968}}

var befores = []weighted[before]{{beforeRestart, 10}, {beforeRefusing, 4}, {beforeNothing, 986}}

func pick[T any](random *rand.Rand, choices []weighted[T]) T {
	n := random.IntN(1000)
	for _, choice := range choices {
		if n -= choice.times; n < 0 {
			return choice.value
		}
	}
	panic("the weights do not add up to 1000")
}

// planFor is the plan of invocation n of a lane. Faults that strike every worker at once are for lanes with one worker.
func planFor(seed uint64, laneNumber, n int, alone bool) plan {
	random := rand.New(rand.NewPCG(seed, uint64(laneNumber)<<40|uint64(n)))
	p := plan{
		method:    []string{"GET", "POST", "PUT", "DELETE", "PATCH", "POST", "GET", "OPTIONS"}[random.IntN(8)],
		app:       pick(random, appFaults),
		next:      pick(random, nextFaults),
		answer:    pick(random, answerFaults),
		freeze:    pick(random, freezes),
		before:    pick(random, befores),
		binary:    random.IntN(2) == 0,
		chunked:   random.IntN(2) == 0,
		closeIdle: random.IntN(20) == 0,
		pause:     time.Duration(1+random.IntN(20)) * time.Millisecond,
	}
	p.request, p.reply = body(random, p.binary), body(random, p.binary)
	if p.method == "GET" || p.method == "OPTIONS" {
		p.request = nil
	}
	if p.freeze != freezeNever && random.IntN(20) == 0 {
		p.pause = 1100 * time.Millisecond // longer than a connection may rest
	}
	if !alone {
		p.freeze, p.before, p.closeIdle = freezeNever, beforeNothing, false
	}
	p.reconcile()
	return p
}

// reconcile takes out what would make the outcome a matter of chance.
func (p *plan) reconcile() {
	if p.before != beforeNothing && p.hangs() {
		p.app = appServes // a short deadline leaves no time to wait for the application
	}
	if p.before == beforeRestart {
		p.pause = min(p.pause, 500*time.Millisecond) // the adapter waits for 2 s
	}
	if p.next == nextCloses && !p.awaitsHandingOut() {
		p.next = nextDelivers
	}
	switch p.app {
	case appHalfBody:
		p.reply = append(p.reply, "two halves"...)
	case appEarly:
		// When a connection is closed with the request unread, the kernel drops what it has not handed over yet: no
		// more than fits on the way, however long the adapter does not read.
		p.reply = p.reply[:min(len(p.reply), 16<<10)]
	}
}

// awaitsHandingOut tells whether the application can hold the answer back until the event is handed out and the
// connection closed.
func (p plan) awaitsHandingOut() bool {
	return p.before != beforeRefusing && p.app != appResetsHead && p.app != appEarly && !p.hangs()
}

// hangs tells whether the deadline ends the invocation, whatever the application does.
func (p plan) hangs() bool { return p.app == appHangs || p.app == appHangsInBody }

// body is a body of a size as they come: most are small, some are not.
func body(random *rand.Rand, binary bool) []byte {
	size := random.IntN(2000)
	switch random.IntN(100) {
	case 0:
		size = random.IntN(1 << 20)
	case 1, 2, 3, 4, 5:
		size = random.IntN(100 << 10)
	}
	bytes := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())})
	_, _ = source.Read(bytes)
	if !binary {
		for i, b := range bytes {
			bytes[i] = "abcdefghij klmnopqrstuvw\n\"\\<&>\t"[b%31]
		}
	}
	return bytes
}

// repeatable tells whether the method may be sent again when a kept connection died without a byte of reply.
func (p plan) repeatable() bool {
	return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}, p.method)
}

// mostSent is how often the application may see the request.
func (p plan) mostSent() int {
	if p.repeatable() && (p.app == appResetsHead || p.app == appResets || p.app == appCloses) {
		return 2
	}
	return 1
}

// served is the outcome of an invocation that the application served.
const served = "served"

// outcomes are the answers that the plan allows.
func (p plan) outcomes() []string {
	if p.before == beforeRefusing {
		return []string{"Function.AppConnectError"}
	}
	switch p.app {
	case appServes, appSlow, appTooMuch, appEarly:
		return []string{served}
	case appHangs, appHangsInBody:
		return []string{"Function.AppTimeout"}
	case appResetsHead, appResets, appCloses:
		if p.repeatable() {
			return []string{served, "Function.AppBadResponse"} // the latter when the connection was new
		}
	}
	return []string{"Function.AppBadResponse"}
}
