package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// late is how long after a newer one an event may come in.
const late = 5 * time.Second

// log follows the lines of one invocation in a log group. Lambda writes the lines of an environment into a stream, one
// invocation after the other.
type log struct {
	client  *cloudwatchlogs.Client
	group   string
	command []string
	out     io.Writer // for what the command writes
	notes   io.Writer // for what others say

	begin int64 // in milliseconds since 1970, on AWS's clock
	since int64
	seen  map[string]int64 // event ids with their times, as far back as since

	id     string // of the request; "" until it is known
	stream string // where it is found; "" until it is
	ended  bool
	wrote  bool
	code   int // the exit code, if said
	said   bool
}

// open looks at the log for the first time, which shows whether it may, and what time it is there.
func (l *log) open(ctx context.Context) error {
	now := time.Now()
	start := now.UnixMilli()
	got, err := l.client.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &l.group,
		StartTime: &start, Limit: aws.Int32(1)})
	if err != nil {
		return err
	}
	if there, ok := middleware.GetServerTime(got.ResultMetadata); ok {
		now = there
	}
	l.begin = now.Truncate(time.Second).UnixMilli()
	l.rewind("")
	return nil
}

// rewind begins again, for a request that is known, or that the command is to be known by.
func (l *log) rewind(id string) {
	l.since, l.seen = l.begin, map[string]int64{}
	l.id, l.stream, l.ended, l.wrote, l.said = id, "", false, false, false
}

// read passes on what has come in.
func (l *log) read(ctx context.Context) error {
	input := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &l.group, StartTime: &l.since}
	if l.stream != "" {
		input.LogStreamNames = []string{l.stream}
	}
	newest := l.since
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(l.client, input)
	for pages.HasMorePages() && !l.ended {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			at, id := aws.ToInt64(event.Timestamp), aws.ToString(event.EventId)
			newest = max(newest, at)
			if _, again := l.seen[id]; !again {
				l.seen[id] = at
				l.take(event)
			}
		}
	}
	l.since = max(l.since, newest-late.Milliseconds())
	for id, at := range l.seen {
		if at < l.since {
			delete(l.seen, id)
		}
	}
	return nil
}

// take looks for the beginning of the invocation, then passes on what it writes.
func (l *log) take(event types.FilteredLogEvent) {
	stream, message := aws.ToString(event.LogStreamName), aws.ToString(event.Message)
	next := parse(message)
	switch {
	case l.ended || l.stream != "" && stream != l.stream:
	case l.stream == "":
		known := l.id != "" && next.id == l.id && next.kind != ends
		alike := l.id == "" && next.kind == adapter && isRunOf(next.text, l.command)
		if known || alike {
			l.stream, l.id = stream, next.id
			l.hear(next)
		}
	case next.kind == ends && next.id == l.id, next.kind == starts && next.id != l.id:
		l.ended = true
	case next.kind == output:
		l.wrote = true
		fmt.Fprintln(l.out, strings.TrimSuffix(message, "\n"))
	case next.kind == adapter:
		l.hear(next)
	}
}

// hear takes the adapter's word for how the command ended, and passes on its others.
func (l *log) hear(said line) {
	if code, ok := result(said.text); ok && said.id == l.id {
		l.code, l.said = code, true
		return
	}
	if said.kind == adapter && !isRun(said.text) {
		fmt.Fprintln(l.notes, "run: the adapter says:", said.text)
	}
}

// errLate is a log in which the end of an invocation has not come in.
var errLate = errors.New("the log is late")

// finish reads until the invocation's end, which is over for as long as patience.
func (l *log) finish(ctx context.Context, every, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := l.read(ctx)
		switch {
		case l.ended:
			return nil
		case ctx.Err() != nil:
			return errLate
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}
