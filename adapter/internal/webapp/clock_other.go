//go:build !linux

package webapp

import "time"

// bootTime is not needed where no execution environment is frozen.
func bootTime() time.Duration { return 0 }

func pause(d time.Duration) { time.Sleep(d) }
