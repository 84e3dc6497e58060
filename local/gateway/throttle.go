package gateway

import (
	"fmt"
	"sync"
	"time"
)

// Throttle is a token bucket: Rate requests a second, Burst at once.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
type Throttle struct {
	Rate  float64
	Burst int
}

// bucket holds the tokens of a stage. A nil bucket never runs dry.
type bucket struct {
	throttle Throttle
	now      func() time.Time

	mu     sync.Mutex
	tokens float64
	at     time.Time // when tokens was right
}

func newBucket(throttle *Throttle, now func() time.Time) (*bucket, error) {
	if throttle == nil {
		return nil, nil
	}
	if throttle.Rate < 0 || throttle.Burst < 0 {
		return nil, fmt.Errorf("throttle rate %v and burst %d: neither may be negative", throttle.Rate, throttle.Burst)
	}
	return &bucket{throttle: *throttle, now: now, tokens: float64(throttle.Burst), at: now()}, nil
}

// take says whether a request may pass.
func (b *bucket) take() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if elapsed := now.Sub(b.at).Seconds(); elapsed > 0 {
		b.tokens = min(float64(b.throttle.Burst), b.tokens+elapsed*b.throttle.Rate)
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
