package sandbox

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The platform's own log lines, as CloudWatch shows them.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html

// memoryGauge follows the peak memory of a sandbox without measuring at every invocation.
type memoryGauge struct {
	peak int64
	at   time.Time
}

// peakMB measures if the last measurement is old.
func (sb *sandbox) peakMB() int {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if now := time.Now(); sb.host != nil && now.Sub(sb.memory.at) > memoryInterval {
		sb.memory.peak = max(sb.memory.peak, sb.host.PeakMemory())
		sb.memory.at = now
	}
	return int(math.Ceil(float64(sb.memory.peak) / (1 << 20)))
}

// record is one line in the JSON format.
type record struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

func (sb *sandbox) logJSON(kind string, content any) {
	line, _ := json.Marshal(record{sb.cfg.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, content})
	sb.log.lines(line)
}

type startRecord struct {
	RequestID string `json:"requestId"`
	Version   string `json:"version"`
}

func (sb *sandbox) logStart(e *execution) {
	sb.observeStart(e)
	if sb.cfg.LogFormat == LogJSON {
		sb.logJSON("platform.start", startRecord{e.RequestID, sb.cfg.Version})
		return
	}
	b := append(make([]byte, 0, 128), "START RequestId: "...)
	b = append(b, e.RequestID...)
	b = append(b, " Version: "...)
	b = append(b, sb.cfg.Version...)
	sb.log.lines(b)
}

type reportMetrics struct {
	Duration       float64  `json:"durationMs"`
	BilledDuration int64    `json:"billedDurationMs"`
	MemorySize     int      `json:"memorySizeMB"`
	MaxMemoryUsed  int      `json:"maxMemoryUsedMB"`
	InitDuration   *float64 `json:"initDurationMs,omitempty"`

	RestoreDuration       *float64 `json:"restoreDurationMs,omitempty"`
	BilledRestoreDuration *int64   `json:"billedRestoreDurationMs,omitempty"`
}

type reportRecord struct {
	RequestID string        `json:"requestId"`
	Metrics   reportMetrics `json:"metrics"`
	Status    string        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
}

// status of an invocation in its REPORT line.
func (e *execution) status() string {
	switch e.errorType {
	case "":
		return "success"
	case timedOut:
		return "timeout"
	}
	return "error"
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}

// report ends the log of an invocation.
func (sb *sandbox) report(e *execution) {
	m := sb.logReport(e)
	sb.observeReport(e, m)
}

// logReport writes END and REPORT. Init on demand is told, and billed, with the first invocation.
func (sb *sandbox) logReport(e *execution) reportMetrics {
	took := time.Since(e.start)
	sb.drainOutput()
	m := reportMetrics{Duration: milliseconds(took), MemorySize: sb.cfg.MemorySize, MaxMemoryUsed: sb.peakMB()}
	billed := m.Duration
	if !sb.initReported.Swap(true) && !sb.provisioned {
		init := milliseconds(sb.initDuration)
		m.InitDuration = &init
		billed += init
	}
	if took := sb.restoration.duration; took > 0 && !sb.restoration.reported {
		sb.restoration.reported = true
		restore, whole := milliseconds(took), int64(math.Ceil(milliseconds(took)))
		m.RestoreDuration, m.BilledRestoreDuration = &restore, &whole
		billed = math.Ceil(billed) + float64(whole)
	}
	m.BilledDuration = int64(math.Ceil(billed))
	if sb.cfg.LogFormat == LogJSON {
		r := reportRecord{RequestID: e.RequestID, Metrics: m, Status: e.status()}
		if r.Status == "error" {
			r.ErrorType = e.errorType
		}
		sb.logJSON("platform.report", r)
		return m
	}
	sb.log.lines(reportText(e, m))
	return m
}

func reportText(e *execution, m reportMetrics) []byte {
	b := append(make([]byte, 0, 384), "END RequestId: "...)
	b = append(b, e.RequestID...)
	b = append(b, "\nREPORT RequestId: "...)
	b = append(b, e.RequestID...)
	b = append(b, "\tDuration: "...)
	b = strconv.AppendFloat(b, m.Duration, 'f', 2, 64)
	b = append(b, " ms\tBilled Duration: "...)
	b = strconv.AppendInt(b, m.BilledDuration, 10)
	b = append(b, " ms\tMemory Size: "...)
	b = strconv.AppendInt(b, int64(m.MemorySize), 10)
	b = append(b, " MB\tMax Memory Used: "...)
	b = strconv.AppendInt(b, int64(m.MaxMemoryUsed), 10)
	b = append(b, " MB"...)
	if m.InitDuration != nil {
		b = append(b, "\tInit Duration: "...)
		b = strconv.AppendFloat(b, *m.InitDuration, 'f', 2, 64)
		b = append(b, " ms"...)
	}
	if m.RestoreDuration != nil {
		b = append(b, "\tRestore Duration: "...)
		b = strconv.AppendFloat(b, *m.RestoreDuration, 'f', 2, 64)
		b = append(b, " ms\tBilled Restore Duration: "...)
		b = strconv.AppendInt(b, *m.BilledRestoreDuration, 10)
		b = append(b, " ms"...)
	}
	if status := e.status(); status != "success" {
		b = append(b, "\tStatus: "...)
		b = append(b, status...)
		if status == "error" {
			b = append(b, "\tError Type: "...)
			b = append(b, e.errorType...)
		}
	}
	return b
}

// reportFailure writes why an invocation was cut off, and its REPORT.
func (sb *sandbox) reportFailure(e *execution, f *failure) {
	sb.drainOutput()
	switch {
	case sb.cfg.LogFormat == LogJSON:
	case f.errorType == timedOut:
		sb.log.printf("%s %s %s", sb.cfg.Now().UTC().Format("2006-01-02T15:04:05.000Z"), e.RequestID, f.message)
	case f.message != "":
		sb.log.printf("RequestId: %s Error: %s\n%s", e.RequestID, f.message, f.errorType)
	}
	sb.observeFailure(e, f)
	e.errorType = f.errorType
	sb.report(e)
}

type initReportRecord struct {
	InitializationType string             `json:"initializationType"`
	Phase              string             `json:"phase"`
	Status             string             `json:"status"`
	ErrorType          string             `json:"errorType,omitempty"`
	Metrics            map[string]float64 `json:"metrics"`
}

// logInit writes the INIT_REPORT line: after a failed init (f is why) and after a provisioned one.
// The phase is init, or invoke for a suppressed init.
func (sb *sandbox) logInit(phase string, f *failure) {
	took := milliseconds(sb.initDuration)
	r := initReportRecord{InitializationType: "on-demand", Phase: phase, Status: "success",
		Metrics: map[string]float64{"durationMs": took}}
	switch {
	case sb.provisioned:
		r.InitializationType = "provisioned-concurrency"
	case sb.cfg.SnapStart:
		r.InitializationType = snapStartType
	}
	switch {
	case f == nil:
	case f.errorType == timedOut:
		r.Status = "timeout"
	default:
		r.Status, r.ErrorType = "error", f.errorType
	}
	if sb.cfg.LogFormat == LogJSON {
		sb.logJSON("platform.initReport", r)
		return
	}
	text := "INIT_REPORT Init Duration: " + strconv.FormatFloat(took, 'f', 2, 64) + " ms\tPhase: " + phase
	if r.Status != "success" {
		text += "\tStatus: " + r.Status
	}
	if r.ErrorType != "" {
		text += "\tError Type: " + r.ErrorType
	}
	if f != nil && f.message != "" {
		text = f.message + "\n" + text
	}
	sb.log.printf("%s", text)
}

// logExtensions writes the EXTENSION line of each extension at the end of an init.
func (sb *sandbox) logExtensions(state string) {
	if sb.cfg.LogFormat == LogJSON {
		return
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	for _, x := range sb.extensions {
		sb.log.printf("EXTENSION\tName: %s\tState: %s\tEvents: %s", x.name, state, x.events())
	}
}
