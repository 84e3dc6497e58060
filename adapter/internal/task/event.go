// Package task runs commands of the app's image, one at a time: the program that an event names, as a process group of
// its own, with its output passed on and its end as the answer.
package task

import (
	"bytes"

	"lambda-web/adapter/internal/failure"
	"lambda-web/adapter/internal/rawjson"
)

// Parse reads the command of an event: {"command":["python","manage.py","migrate"]}, one text at least and none with a
// NUL in it. Other members have no meaning. The error is a *failure.Failure of type TaskInvalidCommand.
func Parse(event []byte) (command []string, err error) {
	var list rawjson.Value
	ok := rawjson.Scan(event, func(name []byte, value rawjson.Value) {
		if string(name) == "command" {
			list = value
		}
	})
	switch {
	case !ok:
		return nil, invalid("is no JSON object")
	case !list.IsArray():
		return nil, invalid("has no list")
	}
	for e := rawjson.ElementsOf(list); e.Next(); {
		if !e.Value.IsString() {
			return nil, invalid("has something else than texts in its list")
		}
		text := e.Value.AppendText(nil)
		if bytes.IndexByte(text, 0) >= 0 {
			return nil, invalid("has a NUL in a text, which no argument of a program can hold")
		}
		command = append(command, string(text))
	}
	if len(command) == 0 || command[0] == "" {
		return nil, invalid("names no program")
	}
	return command, nil
}

func invalid(what string) error {
	return failure.New(failure.TaskInvalidCommand, "the event "+what+
		`; it must be a program and its arguments, such as {"command":["python","manage.py","migrate"]}`)
}
