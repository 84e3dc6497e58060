package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// nginx has paths in its configuration, and a port that it does not take from PORT. So an image of it gets a
// copy of its configuration with the paths of this machine; each sandbox starts from a copy of that with
// its own port.

// nginxImages are the images that start nginx by themselves, and the port of their own configuration.
var nginxImages = map[string]string{"nginx": "80", "nginx-unprivileged": "8080"}

// nginxFolder holds the configuration in the image; in the copy, paths into it and ports are marked.
const (
	nginxFolder = "/etc/nginx"
	markFolder  = "@NGINX@"
	markPort    = "@PORT%s@"
)

// nginxStart makes the sandbox's own configuration and becomes nginx. Its arguments: the image's copy, the port
// that the app is set to, the program, what nginx is started with.
const nginxStart = `set -e
from=$1 set=$2 program=$3
shift 3
port=${PORT:-$set} to=$from.${PORT:-$set}
rm -rf "$to"
cd "$from"
find . -type d | while read -r folder; do mkdir -p "$to/$folder"; done
find . -type f | while read -r file; do
	sed "s|@NGINX@|$to|g; s|@PORT$set@|$port|g; s|@PORT\([0-9]*\)@|\1|g" "$file" >"$to/$file"
done
exec "$program" -p "$to/" -c "$to/nginx.conf" -e stderr "$@"`

// commandOfBase is what an image starts whose Dockerfile does not say it.
func commandOfBase(image string) []string {
	if _, ok := nginxImages[imageName(image)]; ok {
		return []string{"nginx", "-g", "daemon off;"}
	}
	return nil
}

// imageName is the last part of an image's name, without registry, tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// nginxCopy is the folder of the translated configuration.
func nginxCopy(root rootfs) string { return string(root) + ".nginx" }

// configureNginx translates the configuration of an image that starts nginx.
func (b *builder) configureNginx(_ context.Context, root rootfs, r *recipe) error {
	words := r.commandLine()
	if len(words) == 0 || path.Base(words[0]) != "nginx" {
		return nil
	}
	if err := completeNginx(root, imageName(r.base)); err != nil {
		return fmt.Errorf("complete the configuration of nginx: %w", err)
	}
	c := nginxConfig{root: root}
	from, to := root.path(nginxFolder), nginxCopy(root)
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := c.eachFile(from, c.survey); err != nil {
		return err
	}
	err := c.eachFile(from, func(name, text string) error {
		file := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, []byte(c.translate(name, text)), 0o644)
	})
	if err == nil && len(c.unwritable) > 0 {
		slices.Sort(c.unwritable)
		fmt.Fprintf(b.src.Log, "nginx would not start on Lambda, where only /tmp can be written: it uses %s. Set these to places in /tmp in nginx.conf.\n",
			strings.Join(slices.Compact(c.unwritable), ", "))
	}
	return err
}

// nginxCommand is how nginx is started with the translated configuration.
func nginxCommand(root rootfs, port int, program string, args []string) []string {
	for i := 0; i+1 < len(args); i++ {
		if args[i] == "-c" || args[i] == "-p" {
			args = slices.Delete(slices.Clone(args), i, i+2) // see nginxStart
		}
	}
	return append([]string{"/bin/sh", "-c", nginxStart, "nginx", nginxCopy(root), strconv.Itoa(port), program}, args...)
}

// completeNginx adds what the base image has and the Dockerfile does not bring.
func completeNginx(root rootfs, base string) error {
	own := func(name, text string) error {
		file := root.path(path.Join(nginxFolder, name))
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, []byte(text), 0o644)
	}
	for _, name := range []string{"mime.types", "fastcgi_params", "uwsgi_params", "scgi_params"} {
		text, err := os.ReadFile(filepath.Join(nginxFolder, name))
		if err == nil {
			err = own(name, string(text))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if _, err := os.Stat(root.path(nginxFolder + "/nginx.conf")); err == nil {
		return nil
	}
	writes := "pid /run/nginx.pid;\n"
	temps := ""
	if base == "nginx-unprivileged" {
		writes = "pid /tmp/nginx.pid;\n"
		for _, name := range nginxTemps {
			temps += name + " /tmp/" + strings.TrimSuffix(name, "_path") + ";\n"
		}
	}
	if err := own("nginx.conf", writes+"events {}\nhttp {\ninclude mime.types;\ndefault_type application/octet-stream;\n"+temps+
		"access_log /var/log/nginx/access.log;\nsendfile on;\nkeepalive_timeout 65;\ninclude "+nginxFolder+"/conf.d/*.conf;\n}\n"); err != nil {
		return err
	}
	if sites, _ := filepath.Glob(root.path(nginxFolder + "/conf.d/*.conf")); len(sites) > 0 {
		return nil
	}
	port, ok := nginxImages[base]
	if !ok {
		port = "80"
	}
	return own("conf.d/default.conf", "server {\nlisten "+port+";\nlocation / {\nroot /usr/share/nginx/html;\nindex index.html index.htm;\n}\n}\n")
}

// nginxTemps are the folders that nginx makes at its start.
// https://nginx.org/en/docs/http/ngx_http_core_module.html#client_body_temp_path
var nginxTemps = []string{"client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path"}

// nginxPaths are the directives whose words are paths of files.
var nginxPaths = append([]string{
	"include", "root", "alias", "access_log", "error_log", "pid", "lock_file", "auth_basic_user_file",
	"ssl_certificate", "ssl_certificate_key", "proxy_cache_path", "fastcgi_cache_path",
}, nginxTemps...)

// nginxDirective is a directive, or the head of a block.
type nginxDirective struct {
	words []nginxWord
	end   int // behind its semicolon or brace
}

type nginxWord struct {
	text       string // without quotes
	start, end int
}

func (d nginxDirective) name() string { return d.words[0].text }

// nginxDirectives splits a configuration. https://nginx.org/en/docs/beginners_guide.html#conf_structure
func nginxDirectives(text string) []nginxDirective {
	var all []nginxDirective
	var d nginxDirective
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case c == '#':
			line := strings.IndexByte(text[i:], '\n')
			if line < 0 {
				return all
			}
			i += line
		case c == ';' || c == '{' || c == '}':
			i++
			if d.end = i; len(d.words) > 0 {
				all = append(all, d)
			}
			d = nginxDirective{}
		default:
			w := readNginxWord(text, i)
			d.words, i = append(d.words, w), w.end
		}
	}
	return all
}

func readNginxWord(text string, start int) nginxWord {
	if quote := text[start]; quote == '"' || quote == '\'' {
		for i := start + 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case quote:
				return nginxWord{text[start+1 : i], start, i + 1}
			}
		}
		return nginxWord{text[start+1:], start, len(text)}
	}
	i := start
	for i < len(text) && strings.IndexByte(" \t\r\n;", text[i]) < 0 {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '$' && strings.HasPrefix(text[i:], "${"): // a variable, not a block
			i++
		case text[i] == '{':
			return nginxWord{text[start:i], start, i}
		}
		i++
	}
	i = min(i, len(text))
	return nginxWord{text[start:i], start, i}
}

// portOf is the port of a listen directive; empty for a socket of the file system.
func portOf(address string) string {
	if strings.HasPrefix(address, "unix:") {
		return ""
	}
	port := address[strings.LastIndexByte(address, ':')+1:]
	if port == "" || strings.Trim(port, "0123456789") != "" {
		return "" // an address alone, which means port 80
	}
	return port
}

// nginxConfig is what is known of a configuration while it is translated.
type nginxConfig struct {
	root       rootfs
	said       []string // the directives that it has
	unwritable []string // what nginx writes, and could not on Lambda
}

// eachFile calls with the name below a folder and the text of each file.
func (c *nginxConfig) eachFile(folder string, call func(name, text string) error) error {
	return filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		return call(name, string(text))
	})
}

// survey notes what a file says.
func (c *nginxConfig) survey(_, text string) error {
	for _, d := range nginxDirectives(text) {
		c.said = append(c.said, d.name())
	}
	return nil
}

// translate returns a file with the paths of this machine and marked ports.
func (c *nginxConfig) translate(name, text string) string {
	var out strings.Builder
	done := 0
	put := func(start, end int, by string) {
		out.WriteString(text[done:start] + by)
		done = end
	}
	for _, d := range nginxDirectives(text) {
		switch {
		case d.name() == "user":
			put(d.words[0].start, d.end, "") // the sandbox has one
		case d.name() == "listen" && len(d.words) > 1:
			if w, port := d.words[1], portOf(d.words[1].text); port != "" {
				put(w.start, w.end, strings.TrimSuffix(w.text, port)+fmt.Sprintf(markPort, port))
			}
		case d.name() == "http":
			put(d.end, d.end, c.missingTemps())
		case slices.Contains(nginxPaths, d.name()):
			for _, w := range d.words[1:] {
				if strings.HasPrefix(w.text, "/") {
					put(w.start, w.end, c.here(d.name(), w.text))
				}
			}
		}
	}
	out.WriteString(text[done:])
	if name != "nginx.conf" {
		return out.String()
	}
	return c.top() + out.String()
}

// top is what nginx.conf does not say and this machine needs at its top.
func (c *nginxConfig) top() string {
	var top string
	if !slices.Contains(c.said, "pid") {
		top = "pid " + c.written("pid", "/run/nginx.pid") + ";\n"
	}
	if os.Geteuid() == 0 {
		top += "user root;\n" // the image's files are those of whoever started this
	}
	return top
}

// missingTemps gives the folders that nginx makes a place, where the configuration leaves that to the program.
func (c *nginxConfig) missingTemps() string {
	var text string
	for _, name := range nginxTemps {
		if !slices.Contains(c.said, name) {
			text += "\n" + name + " " + c.written(name, "/var/cache/nginx/"+strings.TrimSuffix(name, "_path")) + ";"
		}
	}
	return text
}

// here is a path of the image on this machine.
func (c *nginxConfig) here(directive, file string) string {
	rest, inFolder := strings.CutPrefix(file, nginxFolder+"/")
	switch {
	case inFolder:
		return markFolder + "/" + rest
	case file == "/var/log/nginx/access.log": // links in the official image
		return "/dev/stdout"
	case file == "/var/log/nginx/error.log":
		return "stderr"
	case directive == "pid" || strings.HasSuffix(directive, "_temp_path") || strings.HasSuffix(directive, "_cache_path"):
		return c.written(directive, file)
	case strings.HasPrefix(file, "/usr/share/nginx/html"):
		return c.root.path(file)
	}
	fixed, _, _ := strings.Cut(file, "$")
	if c.root.translate(path.Clean(fixed)) == path.Clean(fixed) {
		return file
	}
	return string(c.root) + file
}

// written is the place of something that nginx writes: /tmp, or else beside the configuration, which is
// told, because on Lambda it would fail.
func (c *nginxConfig) written(directive, file string) string {
	if strings.HasPrefix(file, "/tmp/") {
		return file
	}
	c.unwritable = append(c.unwritable, directive+" "+file)
	return markFolder + "/" + path.Base(file)
}
