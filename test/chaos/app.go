package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lambda-web/test/lambda"
)

// serve is the application of a lane.
func (l *lane) serve(x *lambda.Exchange) {
	n, err := strconv.Atoi(strings.TrimPrefix(x.Path(), "/n/"))
	if err != nil {
		l.finding("the application was asked for %s", x.Target)
		x.Close()
		return
	}
	p := l.planSeen(n)
	sent := l.noteSent(n)
	defer l.noteHandled(n)
	fault := p.app
	if sent > 1 {
		fault = appServes
	}
	switch fault {
	case appResetsHead:
		x.Reset()
		return
	case appEarly:
		_ = x.Write(l.replyTo(p, "Connection: close\r\n"))
		x.Close()
		return
	}
	if x.ReadBody() != nil {
		return // the adapter gave up, which its answer tells
	}
	if !bytes.Equal(x.Body, p.request) {
		l.finding("invocation %d: the application got %d bytes, want %d", n, len(x.Body), len(p.request))
	}
	if (p.freeze == freezeAtApp || p.freeze == freezeAll) && sent == 1 {
		l.freezeFor(p.pause)
	}
	if p.freeze == freezeAll {
		l.awaitThaw()
	}
	if p.next == nextCloses {
		<-l.handedOut(n) // an answer that is sent while the connection closes may be lost, and that would be nobody's fault
	}
	l.misbehave(x, p, fault)
}

// misbehave replies as the fault says.
func (l *lane) misbehave(x *lambda.Exchange, p plan, fault appFault) {
	reply := l.replyTo(p, "")
	head := strings.Index(reply, "\r\n\r\n") + 4
	switch fault {
	case appResets:
		x.Reset()
	case appCloses:
		x.Close()
	case appHalfHead:
		_ = x.Write(reply[:head/2])
		x.Close()
	case appHalfBody:
		_ = x.Write(reply[:head+(len(reply)-head)/2])
		x.Reset()
	case appWrongLength:
		_ = x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(p.reply)+1, p.reply))
		x.Close()
	case appTooMuch:
		_ = x.Write(reply + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
	case appGarbage:
		_ = x.Write("\x00\xffgarbage\r\n\r\n")
		x.Close()
	case appSlow:
		middle := head + (len(reply)-head)/2
		for _, piece := range []string{reply[:head/2], reply[head/2 : middle], reply[middle:]} {
			_ = x.Write(piece)
			time.Sleep(p.pause / 3)
		}
	case appHangsInBody:
		_ = x.Write(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(p.reply)+1, p.reply))
		<-x.Gone()
		x.Close()
	case appHangs:
		<-x.Gone()
		x.Close()
	default:
		_ = x.Write(reply)
		if p.closeIdle {
			x.Close()
		}
	}
}

// replyTo is the whole reply that the plan asks for.
func (l *lane) replyTo(p plan, more string) string {
	kind := "text/plain"
	if p.binary {
		kind = "application/octet-stream"
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + kind + "\r\n" + more
	if p.chunked && p.app != appHalfBody {
		return head + "Transfer-Encoding: chunked\r\n\r\n" + lambda.Chunked(p.reply, 1000)
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(p.reply), p.reply)
}
