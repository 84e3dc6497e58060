package webapp

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"lambda-web/adapter/internal/logging"
)

const (
	// discoveryDelay is how long nobody listens at the expected address before other ones are
	// looked at.
	discoveryDelay = 100 * time.Millisecond
	// discoveryStep is the pause between two looks, and between two questions to a listener that
	// may be the app.
	discoveryStep = 50 * time.Millisecond
	// provenAfter is for how long a listener must have answered as the app would.
	provenAfter = 300 * time.Millisecond
)

// discovery looks for an app that listens at another port than the expected one. What it costs
// begins only after the expected address has been refused for a while, and it ends with the
// readiness check.
type discovery struct {
	expected Check
	log      *logging.Logger
	found    chan *Readiness // gets the probe of the one listener that is the app; its connection is open

	candidates map[int]*candidate // by port
	done       <-chan struct{}
}

// candidate is a listener that is asked whether it is the app.
type candidate struct {
	probe *Readiness

	mu      sync.Mutex
	since   time.Time // of the first of the answers that were all healthy; zero if the last one was not
	proven  bool
	asking  sync.Mutex // held while the probe's connection is in use
	retired bool       // nobody may ask any more
}

// discover begins to look for the app elsewhere, until done is closed.
func discover(expected Check, log *logging.Logger, done <-chan struct{}) *discovery {
	d := &discovery{
		expected: expected, log: log, done: done,
		found: make(chan *Readiness, 1), candidates: map[int]*candidate{},
	}
	go d.run()
	return d
}

func (d *discovery) run() {
	defer d.retire(nil)
	for d.pause() {
		addresses, present := d.others()
		if present {
			d.retire(nil) // somebody listens where the app should: that is the app, however long it takes
			continue
		}
		d.follow(addresses)
		if app := d.theOne(); app != nil {
			d.retire(app)
			d.found <- app.probe
			return
		}
	}
}

// pause waits until it is time for the next look; false means that the app was found in another
// way.
func (d *discovery) pause() bool {
	select {
	case <-d.done:
		return false
	case <-time.After(discoveryStep):
		return true
	}
}

// others are the addresses, by port, at which other processes of the environment listen than
// Lambda's and its extensions'. present tells that somebody listens at the expected address.
func (d *discovery) others() (addresses map[int]netip.Addr, present bool) {
	_, all := listeners(nil)
	anybody := false
	for _, found := range all {
		if d.isExpected(found) {
			return nil, true
		}
		anybody = anybody || !ignored(found, d.expected.LambdaPorts)
	}
	if !anybody {
		return nil, false // most of the time, and cheap to find out
	}
	addresses = map[int]netip.Addr{}
	own, _ := listeners(environmentSockets())
	for _, found := range own {
		port := int(found.Port())
		reachable := reaches(found.Addr(), d.expected.Address.Host)
		if !ignored(found, d.expected.LambdaPorts) && (reachable || !addresses[port].IsValid()) {
			addresses[port] = found.Addr()
		}
	}
	return addresses, false
}

// isExpected reports whether a listener is where the app should be.
func (d *discovery) isExpected(found netip.AddrPort) bool {
	expected := d.expected.Address
	return int(found.Port()) == expected.Port && reaches(found.Addr(), expected.Host)
}

// follow begins to ask listeners that are new, and forgets those that are gone.
func (d *discovery) follow(addresses map[int]netip.Addr) {
	for port, c := range d.candidates {
		if !addresses[port].IsValid() {
			c.retire()
			delete(d.candidates, port)
		}
	}
	for port, ip := range addresses {
		if d.candidates[port] == nil {
			d.candidates[port] = d.ask(port, ip)
		}
	}
}

// ask puts the readiness question to a listener, again and again.
func (d *discovery) ask(port int, ip netip.Addr) *candidate {
	check := d.expected
	check.TCP = false // a listener that answers no HTTP is not the app
	check.Address = Address{Host: check.Address.Host, Port: port}
	if !reaches(ip, check.Address.Host) {
		check.Address.Host = ip.String()
		if ip.Is6() {
			check.Address.Host = "[" + ip.String() + "]"
		}
	}
	c := &candidate{probe: NewReadiness(check, time.Now(), d.log)}
	go func() {
		for c.askOnce() {
			time.Sleep(discoveryStep)
		}
	}()
	return c
}

func (c *candidate) askOnce() (again bool) {
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.retired {
		return false
	}
	_, ready := c.probe.attempt()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !ready:
		c.since, c.proven = time.Time{}, false
	case c.since.IsZero():
		c.since = time.Now()
	default:
		c.proven = time.Since(c.since) >= provenAfter
	}
	return true
}

func (c *candidate) state() (healthy, proven bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.since.IsZero(), c.proven
}

// theOne is the listener that has proven to be the app, if no other one answers as an app would.
func (d *discovery) theOne() *candidate {
	var one *candidate
	var answering []int
	for port, c := range d.candidates {
		healthy, proven := c.state()
		if healthy {
			answering = append(answering, port)
		}
		if proven {
			one = c
		}
	}
	if one == nil || len(answering) == 1 {
		return one
	}
	d.log.Once("several answer", logging.Info, nil, "nobody listens on "+strconv.Itoa(d.expected.Address.Port)+", and "+
		strconv.Itoa(len(answering))+" other listeners answer as the app would; set port to the app's (AWS_LWA_PORT)")
	return nil
}

// retire ends the questions to all listeners, except for one, whose probe is given away.
func (d *discovery) retire(except *candidate) {
	for port, c := range d.candidates {
		if c == except {
			c.asking.Lock()
			c.retired = true
			c.asking.Unlock()
		} else {
			go c.retire()
		}
		delete(d.candidates, port)
	}
}

// retire ends the questions and closes the connection.
func (c *candidate) retire() {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.retired = true
	c.probe.conn.Close()
}
