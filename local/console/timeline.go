package console

import (
	"strconv"
	"time"
)

// timeline puts the times of the records in a row. A part is there when both of its ends were seen.
func (d *detail) timeline(i *invocation) {
	began := i.began()
	d.Timeline, d.Marks = []span{}, []mark{}
	part := func(name string, from, to time.Time) {
		if from.IsZero() || to.IsZero() || to.Before(from) {
			return
		}
		if from.Before(began) {
			from = began
		}
		if to.After(from) {
			d.Timeline = append(d.Timeline, span{name, since(began, from), since(began, to)})
			d.Total = max(d.Total, since(began, to))
		}
	}
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			d.Marks = append(d.Marks, mark{name, since(began, t)})
			d.Total = max(d.Total, since(began, t))
		}
	}
	if q := i.request; q != nil {
		part("gateway", q.Began, q.Invoked)
	}
	i.inside(part)
	if a := i.response; a != nil {
		if r := i.report; r != nil {
			part("response", r.Answered, a.Ended)
		} else if i.start == nil {
			part("gateway", began, a.Ended)
		}
		at("first byte", a.FirstByte)
		at("end", a.Ended)
	}
}

// inside are the parts between gateway and gateway.
func (i *invocation) inside(part func(name string, from, to time.Time)) {
	b, r := i.start, i.report
	if b == nil {
		return
	}
	if r == nil {
		part("queue", b.Arrived, b.Began)
		return
	}
	delivered := r.Delivered
	switch {
	case b.Restore > 0: // with SnapStart, right before the invocation begins
		part("queue", b.Arrived, b.Began.Add(-b.Restore))
		part("restore", b.Began.Add(-b.Restore), b.Began)
	case r.InitEnded.After(b.Arrived) && r.InitBegan.Before(b.Began): // the invocation waited for this init
		part("queue", b.Arrived, r.InitBegan)
		part("init", later(r.InitBegan, b.Arrived), r.InitEnded)
		part("queue", r.InitEnded, b.Began)
	case r.InitEnded.After(b.Began): // the init is part of the invocation
		part("queue", b.Arrived, b.Began)
		part("init", r.InitBegan, r.InitEnded)
	default:
		part("queue", b.Arrived, b.Began)
	}
	if delivered.IsZero() {
		return
	}
	part("sandbox", later(b.Began, r.InitEnded), delivered)
	end := r.Responded
	if end.IsZero() {
		end = r.Answered // cut off
	}
	switch t := i.traffic; {
	case t == nil || t.Asked.IsZero():
		part("adapter and app", delivered, end)
	case t.Ended.IsZero(): // the app never answered
		part("adapter", delivered, t.Asked)
		part("app", t.Asked, end)
	default:
		part("adapter", delivered, t.Asked)
		part("app", t.Asked, earlier(t.Ended, later(end, t.Answered)))
		part("adapter", t.Ended, end)
	}
	part("answer", end, r.Answered)
	part("after", r.Answered, r.Ended)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// figures are those of the REPORT line, and the names of the invocation.
func (i *invocation) figures() []figure {
	var list []figure
	add := func(name, value string) { list = append(list, figure{name, value}) }
	if r := i.report; r != nil {
		add("Duration", decimal(r.Duration)+" ms")
		add("Billed Duration", itoa(int(r.BilledDuration))+" ms")
		add("Memory Size", itoa(r.MemorySize)+" MB")
		add("Max Memory Used", itoa(r.MaxMemory)+" MB")
		if r.InitDuration > 0 {
			add("Init Duration", decimal(r.InitDuration)+" ms")
		}
		if r.RestoreDuration > 0 {
			add("Restore Duration", decimal(r.RestoreDuration)+" ms")
		}
		add("Status", r.Status)
		if r.ErrorType != "" {
			add("Error Type", r.ErrorType)
		}
	}
	add("Request ID", i.id)
	if q := i.request; q != nil {
		add("API Gateway ID", q.GatewayID)
		add("Trace ID", traceRoot(q.TraceID))
		add("Resource", q.Resource)
		add("API and stage", q.APIID+" / "+q.Stage)
		add("Client", q.SourceIP)
	} else if b := i.start; b != nil {
		add("Trace ID", traceRoot(b.TraceID))
	}
	if b := i.start; b != nil {
		add("Function", b.Function)
		add("Version", b.Version)
		add("Qualifier", b.Qualifier)
		add("Sandbox", itoa(b.Sandbox))
		if !b.Deadline.IsZero() {
			add("Deadline", decimal(milliseconds(b.Deadline.Sub(b.Began)))+" ms after its start")
		}
	}
	if a := i.response; a != nil && a.IntegrationLatency > 0 {
		add("Integration latency", decimal(milliseconds(a.IntegrationLatency))+" ms")
	}
	return list
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

func itoa(n int) string { return strconv.Itoa(n) }
