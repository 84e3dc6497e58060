package webapp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lambda-web/dockerfile/stage"
)

const (
	// PortAuto is the value of Args.Port with which the port is found.
	PortAuto = "auto"
	// usualPort is where the adapter looks for the app when nobody says another one.
	usualPort = 8080
)

// port is the one the app listens on, and where that is known from.
type port struct {
	number int
	why    string
}

func (p port) String() string { return fmt.Sprintf("%d (%s)", p.number, p.why) }

// port is the number in the settings, or else the one TCP port that the Dockerfile exposes. An app that
// listens elsewhere is found by the adapter all the same, if it is the only one.
func (p places) port(args Args) port {
	if number, err := strconv.Atoi(args.Port); err == nil {
		return port{number, "the setting port"}
	}
	file, err := os.Open(filepath.Join(p.app(args), args.Dockerfile))
	if err != nil {
		return port{usualPort, "the usual one: there is no Dockerfile here that exposes another"}
	}
	defer file.Close()
	final, err := stage.Read(file, args.BuildArgs)
	if err != nil {
		return port{usualPort, "the usual one: the Dockerfile cannot be read"}
	}
	switch ports := tcpPorts(final.Exposed); {
	case len(ports) == 0:
		return port{usualPort, "the usual one: the Dockerfile exposes none"}
	case len(ports) > 1 || !portAllowed(ports[0]):
		return port{usualPort, "the usual one: the Dockerfile exposes more than one, " + strings.Join(ports, " and ")}
	default:
		number, _ := strconv.Atoi(ports[0])
		return port{number, "the Dockerfile exposes it"}
	}
}

// tcpPorts are the ports of EXPOSE instructions that carry TCP, each once, ranges as they are written
// (https://docs.docker.com/reference/dockerfile/#expose).
func tcpPorts(exposed []string) []string {
	var ports []string
	for _, e := range exposed {
		number, protocol, given := strings.Cut(e, "/")
		if (!given || strings.EqualFold(protocol, "tcp")) && number != "" {
			ports = append(ports, number)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func portAllowed(text string) bool {
	number, err := strconv.Atoi(text)
	return err == nil && 1 <= number && number <= 65535 && strconv.Itoa(number) == text
}

func checkPort(args Args, found *mistakes) {
	if args.Port != PortAuto && !portAllowed(args.Port) {
		found.add("port", "%q is not allowed; use auto, or a whole number from 1 to 65535", args.Port)
	}
}
