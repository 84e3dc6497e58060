// Package words takes the command of "make run" apart, for AWS and for an image on this machine.
package words

import (
	"errors"
	"fmt"
	"strings"
)

// special are characters that a shell would not hand on as they are (POSIX Shell Command Language, sections 2.2 and
// 2.4). Nothing here would do what it does with them, so they have to be quoted.
const special = "|&;<>()$`"

// Split takes a command apart as a shell does with quotes and backslashes (POSIX Shell Command Language, section 2.2),
// and does nothing else that a shell does: no variables, patterns, pipes or redirections.
func Split(command string) (words []string, err error) {
	var word strings.Builder
	in := false // a word, which may be an empty one
	for i := 0; i < len(command); i++ {
		c := command[i]
		if strings.HasPrefix(command[i:], "\\\n") { // a line that goes on
			i++
			continue
		}
		if strings.IndexByte(" \t\r\n", c) >= 0 {
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
			continue
		}
		in = true
		switch {
		case c == '\'' || c == '"':
			end, quoted := quotation(command[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("the command has a %c without its end", c)
			}
			word.WriteString(quoted)
			i += 1 + end
		case c == '\\' && i+1 == len(command):
			return nil, errors.New(`the command ends with a \, which has nothing to quote; write \\ for the character itself`)
		case c == '\\':
			i++
			word.WriteByte(command[i])
		case strings.IndexByte(special, c) >= 0:
			return nil, fmt.Errorf("no shell runs the command, so its %c would be one more character of an "+
				"argument; quote it if that is meant, or run a shell of the image: sh -c '...'", c)
		default:
			word.WriteByte(c)
		}
	}
	if in {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New(`there is no command; give one, for example: make run STACK=dev CMD="python manage.py migrate"`)
	}
	return words, nil
}

// quotation returns what stands before the closing quote, and where that is, or -1. Within double quotes a backslash
// quotes the characters that have a meaning there.
func quotation(text string, quote byte) (end int, quoted string) {
	var word strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return i, word.String()
		case c == '\\' && quote == '"' && i+1 < len(text) && strings.IndexByte("$`\"\\\n", text[i+1]) >= 0:
			i++
			if text[i] != '\n' { // a line that goes on
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return -1, ""
}
