"""A listener of an environment: python3 listener.py PORT KIND, with KIND one of
http    answers 200 to everything
503     answers 503 to everything
brief   answers 200 for 200 ms from its first request on, then 503
silent  takes connections and says nothing
smtp    greets as a mail server does
host=X  as http, at the address X"""
import errno
import http.server
import socket
import sys
import time

port, kind = int(sys.argv[1]), sys.argv[2]
host = kind.partition("=")[2] or "127.0.0.1"


def patiently(bind):
    """Binds; another connection of this machine may have the port as its own for a moment."""
    for _ in range(200):
        try:
            return bind()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        time.sleep(0.05)
    return bind()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    first = None

    def do_GET(self):
        Handler.first = Handler.first or time.monotonic()
        ill = kind == "503" or kind == "brief" and time.monotonic() - Handler.first > 0.2
        body = self.headers["host"].encode()
        self.send_response(503 if ill else 200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if kind in ("silent", "smtp"):
    listener = patiently(lambda: socket.create_server((host, port)))
    connections = []
    while True:
        connections.append(listener.accept()[0])
        if kind == "smtp":
            connections[-1].sendall(b"220 mail.example.com ESMTP\r\n")


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in host else socket.AF_INET


patiently(lambda: Server((host, port), Handler)).serve_forever()
