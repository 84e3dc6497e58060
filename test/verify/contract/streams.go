package contract

import (
	"net/http"
	"strings"
	"time"

	"lambda-web/test/verify/wire"
)

// Answers that travel as they are written.

var streams = []Check{
	{"streaming/first-byte", "Status and first piece come while the app still writes", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "5", "every", "800ms"))
		r.Want("body", string(answer.Body), "piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n")
		r.True("the end comes long after the first piece", answer.Took-answer.First > time.Second,
			answer.Took-answer.First)
	}},
	{"streaming/whole", "A stream is chunked and ends well", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "3", "header", "Content-Type:text/event-stream"))
		r.Want("status", answer.Status, http.StatusOK)
		r.True("it is whole", answer.Whole, answer.Fault)
		r.Want("Content-Length", answer.Header.Get("Content-Length"), "")
		r.Want("Content-Type", answer.Header.Get("Content-Type"), "text/event-stream")
	}},
	{"streaming/report", "The event is the same as without streaming", Streaming, 0, func(r *Run) {
		seen := r.Seen("/a/b?c=d", "")
		r.Want("target", seen.Request.Target, "/a/b?c=d")
		r.Want("path of the context", seen.Context()["path"], any(r.Base()+"/a/b"))
	}},
	{"streaming/break", "A stream that the app breaks off does not end as if it were whole", Streaming, 0,
		func(r *Run) {
			answer := r.Get("/", order("stream", "3", "break", "2", "every", "100ms"))
			r.Want("status", answer.Status, http.StatusOK)
			r.True("it is not whole", !answer.Whole, "it ended well")
			r.True("what came before is there", strings.HasPrefix(string(answer.Body), "piece 0\n"),
				string(answer.Body))
		}},
	{"streaming/break-before-head", "An app that breaks off before its answer is a 502", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("break", "0"))
		r.Want("status", answer.Status, http.StatusBadGateway)
		r.Note("body", string(answer.Body))
		r.Note("x-amzn-ErrorType", answer.Header.Get("X-Amzn-Errortype"))
	}},
	{"streaming/trailers", "What becomes of the app's trailers", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "1", "trailer", "X-Sum:1"))
		r.True("the stream is whole", answer.Whole, answer.Fault)
		r.Note("trailers", len(answer.Trailer))
	}},
	{"streaming/renamed", "Whether headers of a stream are renamed", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "1", "header", "Server:app", "header", "WWW-Authenticate:Basic"))
		for _, name := range []string{"Server", "Www-Authenticate"} {
			r.Note(name, answer.Header.Get(name) != "")
			r.Note(name+" renamed", answer.Header.Get("X-Amzn-Remapped-"+name) != "")
		}
	}},
	{"streaming/cookies", "Two cookies are two headers", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "1", "header", "Set-Cookie:a=1", "header", "Set-Cookie:b=2"))
		r.Want("Set-Cookie", answer.Header.Values("Set-Cookie"), []string{"a=1", "b=2"})
	}},
	{"streaming/binary", "Any bytes pass", Streaming, 0, func(r *Run) {
		r.Want("bytes", sum(r.Get("/", order("octets", "1")).Body), sum(octets()))
	}},
	{"streaming/large", "8 MB pass, which are too much without streaming", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("bytes", "8388608"))
		r.Want("bytes", len(answer.Body), 8*mb)
		r.True("it is whole", answer.Whole, answer.Fault)
	}},
	{"streaming/slowed", "What is above 10 MB comes slowly", Streaming, 0, func(r *Run) {
		answer := r.Get("/", order("stream", "13", "bytes", "1048576"))
		r.Want("bytes", len(answer.Body), 13*mb)
		r.True("3 MB take more than a second", answer.Took > time.Second, answer.Took)
	}},
	{"streaming/bodiless", "HEAD, 204 and 304 have no body", Streaming, 0, func(r *Run) {
		head := r.Send(tell(wire.Request{Method: "HEAD", Target: "/"}, order("body", "abc")))
		r.Want("HEAD", head.Status, http.StatusOK)
		for _, status := range []string{"204", "304"} {
			r.Want("body of "+status, len(r.Get("/", order("status", status)).Body), 0)
		}
	}},
	{"streaming/client-leaves", "A client that leaves disturbs nobody", Streaming, 0, func(r *Run) {
		q := r.full(tell(wire.Request{Method: "GET", Target: "/"}, order("stream", "4", "every", "500ms")))
		q.Leave = true
		r.take(q, wire.Do(r.URL, q, patience))
		r.Seen("/", "")
	}},
	{"streaming/goes-on", "The app goes on to its end when the client has left", Streaming, Log, func(r *Run) {
		mark := "verify-left-" + r.unique()
		q := r.full(tell(wire.Request{Method: "GET", Target: "/"},
			order("stream", "4", "every", "500ms", "then", mark)))
		q.Leave = true
		r.take(q, wire.Do(r.URL, q, patience))
		r.Logged(mark)
	}},
	{"streaming/limit-of-request", "A body that makes the event larger than 6 MB is a 413", Streaming, 0,
		func(r *Run) {
			answer := r.Send(wire.Request{Method: "POST", Target: "/", Body: make([]byte, 5*mb)})
			r.Want("status", answer.Status, http.StatusRequestEntityTooLarge)
			r.Note("body", string(answer.Body))
		}},
	{"streaming/idle", "A stream on which nothing comes for five minutes ends", Streaming, Slow, func(r *Run) {
		connection, err := wire.Dial(r.URL, 10*time.Minute)
		if err != nil {
			r.Fail("connect: %v", err)
			return
		}
		defer connection.Close()
		q := r.full(tell(wire.Request{Method: "GET", Target: "/"}, order("stream", "2", "every", "6m")))
		answer := connection.Do(q)
		r.take(q, answer)
		r.True("it is not whole", !answer.Whole, "it ended well")
		r.Note("minutes until its end", int(answer.Took.Minutes()))
	}},
}
