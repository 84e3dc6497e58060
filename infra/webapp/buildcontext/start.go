package buildcontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	finalstage "lambda-web/dockerfile/stage"
	"lambda-web/secrets/reference"
)

// startWithSecrets adds the program that fetches secrets to an overlaid Dockerfile, and puts it in front of the app's
// own start command. The words of that command stay as they are. In front of CMD when there is no ENTRYPOINT: what
// the base image has for one is not known here, and those of Docker's official images hand on to the command they are
// given.
func startWithSecrets(overlaid []byte) ([]byte, error) {
	entrypoint, command, err := startCommand(overlaid)
	if err != nil {
		return nil, err
	}
	text := appendLine(overlaid, "COPY "+Secrets+" "+reference.Program)
	if entrypoint != nil {
		text = appendLine(text, "ENTRYPOINT "+words(append([]string{reference.Program}, entrypoint...)))
		if command != nil {
			text = appendLine(text, "CMD "+words(command)) // an ENTRYPOINT may take back a CMD from before it
		}
		return text, nil
	}
	if command == nil {
		return nil, errors.New("does not say how the app starts, so nothing can be put in front of it: write " +
			"the base image's CMD into it, which " +
			"the setting secrets needs")
	}
	return appendLine(text, "CMD "+words(append([]string{reference.Program}, command...))), nil
}

// words is a command in the form that is not given to a shell.
func words(command []string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.Encode(command) // texts always can be
	return strings.TrimSpace(b.String())
}

// startCommand is the ENTRYPOINT and CMD of the image that a Dockerfile makes; nil is none.
func startCommand(dockerfile []byte) (entrypoint, command []string, err error) {
	final, err := finalstage.Read(bytes.NewReader(dockerfile), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot be read to find how the app starts, which the setting secrets needs: %w",
			err)
	}
	for _, word := range slices.Concat(final.Entrypoint, final.Cmd) {
		if !utf8.ValidString(word) {
			return nil, nil,
				errors.New("starts the app with a command that is not UTF-8, which the setting secrets needs")
		}
	}
	return orNone(final.Entrypoint), orNone(final.Cmd), nil
}

// orNone: an empty list takes the base image's command away.
func orNone(command []string) []string {
	if len(command) == 0 {
		return nil
	}
	return command
}
