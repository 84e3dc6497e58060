package gateway

import "time"

// Limits are the quotas of REST APIs. A zero field has the AWS default.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
type Limits struct {
	// BodyBytes is the largest request body: 10 MB.
	BodyBytes int64
	// URLBytes is the longest request target of a regional API: 10240.
	URLBytes int
	// HeaderBytes is the largest sum of all request headers: 10240.
	HeaderBytes int
	// PayloadBytes is the largest event and the largest buffered response of Lambda: 6 MB and 100 bytes.
	PayloadBytes int
	// MethodARNBytes is the longest method ARN a method with authorization takes: 1600.
	MethodARNBytes int
	// IntegrationTimeout is the default timeout of integrations and the largest that buffered ones may ask for
	// without a raised quota, 29 s: above it New warns.
	IntegrationTimeout time.Duration
	// StreamTimeout is the largest timeout any integration may ask for: 15 minutes.
	StreamTimeout time.Duration
	// StreamIdle ends a stream on which nothing comes: 5 minutes.
	StreamIdle time.Duration
	// PreludeBytes is how far into a stream its metadata must have ended: 16 KB.
	PreludeBytes int
	// StreamFreeBytes of a stream pass at full speed (10 MB), the rest at StreamBytesPerSecond (2 MB).
	StreamFreeBytes, StreamBytesPerSecond int64
}

func (l Limits) withDefaults() Limits {
	const mb = 1 << 20
	setDefault(&l.BodyBytes, 10*mb)
	setDefault(&l.URLBytes, 10240)
	setDefault(&l.HeaderBytes, 10240)
	setDefault(&l.PayloadBytes, 6*mb+100)
	setDefault(&l.MethodARNBytes, 1600)
	setDefault(&l.IntegrationTimeout, 29*time.Second)
	setDefault(&l.StreamTimeout, 15*time.Minute)
	setDefault(&l.StreamIdle, 5*time.Minute)
	setDefault(&l.PreludeBytes, 16*1024)
	setDefault(&l.StreamFreeBytes, 10*mb)
	setDefault(&l.StreamBytesPerSecond, 2*mb)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
