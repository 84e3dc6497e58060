"""Tells what a process can see and do where it runs."""

import json
import os
import resource
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


def attempt(action):
    try:
        action()
        return "done"
    except OSError as error:
        return error.strerror


def facts():
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "capabilities": int(lines["CapEff"], 16),
        "no new privileges": int(lines["NoNewPrivs"]),
        "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "write /srv": attempt(lambda: open("/srv/x", "w")),
        "write a file of root": attempt(lambda: open("/srv/probe.py", "a")),
        "write /etc": attempt(lambda: open("/etc/passwd", "a")),
        "bounding capabilities": int(lines["CapBnd"], 16),
        "write /": attempt(lambda: open("/x", "w")),
        "write /data": attempt(lambda: open("/data/x", "w")),
        "write /tmp": attempt(lambda: open("/tmp/x", "w")),
        "/tmp MB": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize >> 20,
        "/dev/shm": os.path.exists("/dev/shm"),
        "folder": os.getcwd(),
        "greeting": os.environ.get("GREETING"),
        "PORT": os.environ.get("PORT"),
        "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "runtime API": os.environ.get("AWS_LAMBDA_RUNTIME_API"),
    }


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/fill"):
            bytearray(os.urandom(1 << 20) * 400)
        body = json.dumps(facts()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        print("answered", self.path)


def end(*_):
    print("got SIGTERM")
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
