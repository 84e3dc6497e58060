package image

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Images of nginx, as their Dockerfiles are usually written, serve on the port of their sandbox.
func TestNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is not on the PATH: install it (on Debian: apt-get install nginx-light) to run this test")
	}
	const whole = "user nginx; worker_processes 1;\npid /tmp/nginx-of-a-test.pid;\nevents {}\nhttp {\n  include /etc/nginx/mime.types; # as ever\n  access_log /var/log/nginx/access.log;\n" +
		"  client_body_temp_path /tmp/a; proxy_temp_path /tmp/a; fastcgi_temp_path /tmp/a; uwsgi_temp_path /tmp/a; scgi_temp_path /tmp/a;\n" +
		"  include /etc/nginx/conf.d/*.conf;\n}\n"
	const site = "server {\n  listen 127.0.0.1:8080;\n  listen 8080 ;\n  root \"/usr/share/nginx/html\";\n  location /there { return 302 /index.html; }\n}\n"
	for _, test := range []struct {
		name, dockerfile string
		port             int
		log              string // what is said about it; empty: nothing
	}{
		{"a configuration of its own", "FROM nginx:1.28\nCOPY nginx.conf /etc/nginx/nginx.conf\nCOPY site.conf /etc/nginx/conf.d/\nCOPY html /usr/share/nginx/html\n", 0, ""},
		{"with the command", "FROM nginx:1.28\nCOPY nginx.conf /etc/nginx/nginx.conf\nCOPY site.conf /etc/nginx/conf.d/site.conf\nCOPY html /usr/share/nginx/html\nCMD [\"nginx\", \"-g\", \"daemon off;\", \"-c\", \"/etc/nginx/nginx.conf\"]\n", 8080, ""},
		{"pages alone, unprivileged", "ARG B=nginxinc/nginx-unprivileged:alpine@sha256:00\nFROM $B\nCOPY html /usr/share/nginx/html\n", 8080, ""},
		{"pages alone", "FROM nginx\nCOPY html /usr/share/nginx/html\n", 80, "only /tmp can be written: it uses client_body_temp_path /var/cache/nginx/client_body_temp, "},
		{"a server alone", "FROM nginx\nCOPY site.conf /etc/nginx/conf.d/default.conf\nCOPY html /usr/share/nginx/html\n", 8080, "pid /run/nginx.pid"},
		{"pages that a stage makes", "FROM python AS build\nRUN mkdir -p /out && python -c \"open('index.html', 'w').write('it runs')\"\n" +
			"FROM nginxinc/nginx-unprivileged\nCOPY --from=build /index.html /usr/share/nginx/html/\n", 8080, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log strings.Builder
			src := source(t, test.dockerfile)
			src.Port, src.Log = test.port, &log
			write(t, src.Context, "nginx.conf", whole)
			write(t, src.Context, "site.conf", site)
			write(t, src.Context, "html/index.html", "it runs")
			img, err := Prepare(context.Background(), src)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // two sandboxes beside each other
				if got := serves(t, img); got != "it runs" {
					t.Errorf("the page is %q", got)
				}
			}
			if test.log == "" && strings.Contains(log.String(), "nginx") || !strings.Contains(log.String(), test.log) {
				t.Errorf("log %q, want %q", log.String(), test.log)
			}
			if err := Remove(src.Cache, src.Tag); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(src.Cache, "rootfs", "*")); len(left) != 0 {
				t.Errorf("in the cache: %q", left)
			}
		})
	}
}

// serves starts an image on a free port and returns its first page.
func serves(t *testing.T, img *Image) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	command := exec.Command(img.Command[0], img.Command[1:]...)
	command.Dir = img.Dir
	command.Env = append(os.Environ(), append(list(img.Env), "PORT="+address[strings.LastIndex(address, ":")+1:])...)
	command.Stdout, command.Stderr = t.Output(), t.Output()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() { command.Process.Signal(syscall.SIGTERM); <-ended })
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%q ended: %v", img.Command, err)
		default:
		}
		response, err := http.Get("http://" + address + "/")
		if err != nil {
			continue
		}
		defer response.Body.Close()
		page, _ := io.ReadAll(response.Body)
		return string(page)
	}
	t.Fatal("no answer within 20 s")
	return ""
}

// Paths of files are translated, paths of URLs are not; a port is one of a listen directive.
func TestNginxConfig(t *testing.T) {
	c := nginxConfig{root: rootfs("/root-of-the-image")}
	for text, want := range map[string]string{
		"root /usr/share/nginx/html;":                         "root /root-of-the-image/usr/share/nginx/html;",
		"alias '/usr/share/nginx/html/$host';":                "alias /root-of-the-image/usr/share/nginx/html/$host;",
		"root /no/such/folder;":                               "root /no/such/folder;",
		"location /etc/nginx { return 301 /etc/nginx/x; }":    "location /etc/nginx { return 301 /etc/nginx/x; }",
		"include /etc/nginx/snippets/*.conf; # root /etc/x;":  "include @NGINX@/snippets/*.conf; # root /etc/x;",
		"error_log /var/log/nginx/error.log warn;":            "error_log stderr warn;",
		"listen [::]:8080 default_server;listen unix:/tmp/s;": "listen [::]:@PORT8080@ default_server;listen unix:/tmp/s;",
		"listen 127.0.0.1;":                                   "listen 127.0.0.1;",
		"user www-data; pid /tmp/x;":                          " pid /tmp/x;",
		"set $a \"root /etc/nginx/;{\"; root ${a}/x;":         "set $a \"root /etc/nginx/;{\"; root ${a}/x;",
		"if ($x ~ \\{) { root /etc/nginx/html; }":             "if ($x ~ \\{) { root @NGINX@/html; }",
	} {
		if got := c.translate("site.conf", text); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", text, got, want)
		}
	}
	if len(c.unwritable) != 0 {
		t.Errorf("unwritable %q", c.unwritable)
	}
}
