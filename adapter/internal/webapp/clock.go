package webapp

import "time"

// instant is a moment on all clocks of the machine.
type instant struct {
	now  time.Time // wall and monotonic
	boot time.Duration
}

func currentInstant() instant { return instant{now: time.Now(), boot: bootTime()} }

// since is the longest time that any clock saw pass: one that stood still during a freeze is outvoted.
func (i instant) since() time.Duration {
	now := currentInstant()
	monotonic := now.now.Sub(i.now)
	wall := now.now.Round(0).Sub(i.now.Round(0))
	return max(monotonic, wall, now.boot-i.boot)
}
