package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"lambda-web/test/verify/contract"
	"lambda-web/test/verify/evidence"
)

// carryOut carries the checks of a phase out.
func (o options) carryOut(ctx context.Context, t *contract.Target, phase contract.Phase) []evidence.Record {
	settings := phase.Settings()
	t.Timeout = time.Duration(settings["timeout"].(int)) * time.Second
	t.APITimeout = time.Duration(settings["apiTimeout"].(int)) * time.Second
	t.Signs = settings["auth"] == "AWS_IAM"
	if o.slow {
		t.Has |= contract.Slow
	}
	var records []evidence.Record
	for _, check := range o.checks(phase) {
		record := contract.Carry(ctx, t, check)
		if ctx.Err() != nil { // what ends with the run has failed for no other reason
			break
		}
		records = append(records, record)
	}
	return records
}

// finish writes the evidence of a run and sums it up. A check that failed is an error.
func (o options) finish(where string, began time.Time, results []outcome) ([]evidence.Record, error) {
	names := o.ownNames()
	var records []evidence.Record
	var failed error
	for _, result := range results {
		records = append(records, result.records...)
		maps.Copy(names, result.names)
		if failed == nil || o.stack != "" { // what keeps one phase of the local cloud from its start often keeps all
			failed = errors.Join(failed, result.err)
		}
	}
	file := filepath.Join(o.out, strings.ReplaceAll(where, " ", "-")+".jsonl")
	if err := evidence.Write(file, records, evidence.NewRedaction(names)); err != nil {
		return nil, errors.Join(failed, err)
	}
	records, err := evidence.Read(file) // what is compared and shown is what is handed on
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	count := map[string]int{}
	requests := 0
	for _, record := range records {
		count[record.Verdict]++
		requests += len(record.Exchanges)
		switch record.Verdict {
		case evidence.Fail:
			fmt.Fprintf(o.say, "FAIL %s: %s\n", record.Check, strings.Join(record.Reasons, "\n     "))
		case evidence.Skip:
			fmt.Fprintf(o.say, "skip %s: %s\n", record.Check, strings.Join(record.Reasons, "; "))
		}
	}
	fmt.Fprintf(o.say, "%s: %d checks in %s with %d requests: %d passed, %d failed, %d skipped. Evidence: %s\n", where,
		len(records), time.Since(began).Round(time.Second), requests, count[evidence.Pass], count[evidence.Fail],
		count[evidence.Skip], relative(file))
	if count[evidence.Fail] > 0 {
		failed = errors.Join(failed, fmt.Errorf("%s: %d checks failed", where, count[evidence.Fail]))
	}
	return records, failed
}

// ownNames are names of this machine.
func (o options) ownNames() map[string]string {
	names := map[string]string{}
	if name, err := os.Hostname(); err == nil {
		names[name] = "<machine>"
	}
	if home, err := os.UserHomeDir(); err == nil {
		names[home] = "<home>"
	}
	if who, err := user.Current(); err == nil && who.Username != "root" {
		names[who.Username] = "<user>"
	}
	if root, err := filepath.Abs("."); err == nil {
		names[root] = "<project>"
	}
	return names
}

func relative(file string) string {
	if root, err := filepath.Abs("."); err == nil {
		if short, err := filepath.Rel(root, file); err == nil {
			return short
		}
	}
	return file
}

// reportDifferences lists what two runs saw differently, and says how many of it is not known.
func (o options) reportDifferences(a, b run, expected []known) (unknown int) {
	differences := evidence.Compare(a.records, b.records)
	if len(differences) == 0 {
		fmt.Fprintf(o.say, "No differences between %s and %s.\n", a.name, b.name)
		return 0
	}
	for _, d := range differences {
		reason := why(d, expected)
		if reason == "" {
			reason = "not known until now"
			unknown++
		}
		fmt.Fprintf(o.say, "differs: %s, %s (%s)\n    %s: %s\n    %s: %s\n", d.Check, d.What, reason, a.name,
			shorten(d.A), b.name, shorten(d.B))
	}
	fmt.Fprintf(o.say, "%d differences between %s and %s, %d of them not known until now.\n", len(differences), a.name,
		b.name, unknown)
	return unknown
}

// run is what one of two runs has left.
type run struct {
	name    string
	records []evidence.Record
}

func shorten(text string) string {
	if text == "" {
		return "(nothing)"
	}
	if len(text) > 200 {
		return text[:200] + "..."
	}
	return text
}
