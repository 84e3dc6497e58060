package webapp

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// listenHint says where processes listen if it is not where the app is expected. The addresses in
// ignore belong to Lambda. It returns an empty text if there is nothing to say.
func listenHint(expected Address, ignore []int) string {
	if expected.IsUnix() {
		return ""
	}
	var others []string
	for _, found := range recentlyListening() {
		switch {
		case ignored(found, ignore):
		case int(found.Port()) == expected.Port && reaches(found.Addr(), expected.Host):
			return "" // somebody listens where the app should
		default:
			others = append(others, found.String())
		}
	}
	if len(others) == 0 {
		return "; nothing listens on another port either"
	}
	const most = 8
	if len(others) > most {
		others = append(others[:most], strconv.Itoa(len(others)-most)+" more")
	}
	return "; processes listen on " + strings.Join(others, ", ") + ", expected " + expected.String() +
		" (setting port; AWS_LWA_PORT, AWS_LWA_HOST)"
}

// recent is the last answer of listening. To look at every process takes a while where there are
// many, and workers that fail together would all do it.
var recent struct {
	mu    sync.Mutex
	at    time.Time
	found []netip.AddrPort
}

func recentlyListening() []netip.AddrPort {
	recent.mu.Lock()
	defer recent.mu.Unlock()
	if time.Since(recent.at) > 500*time.Millisecond {
		recent.found = listening()
		recent.at = time.Now()
	}
	return recent.found
}

func ignored(found netip.AddrPort, ports []int) bool {
	for _, port := range ports {
		if int(found.Port()) == port {
			return true
		}
	}
	return false
}

// reaches reports whether a listener on ip takes connections to host.
func reaches(ip netip.Addr, host string) bool {
	host = strings.Trim(host, "[]")
	if ip.Unmap().IsUnspecified() || host == "localhost" && ip.IsLoopback() {
		return true
	}
	wanted, err := netip.ParseAddr(host)
	return err != nil || wanted == ip.Unmap()
}
