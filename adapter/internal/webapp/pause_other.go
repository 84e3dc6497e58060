//go:build !linux

package webapp

import "time"

func pause(d time.Duration) { time.Sleep(d) }
