"""A small app of the standard library for looking at the console: it answers, streams, fails and crashes."""

import base64
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAKUlEQVR4nGNkYPjPgA0wYRVlYGBgYWBgYGD4j1cH"
    "IwMDAwMDAwMDAwMDAFh5BQ2i0fWYAAAAAElFTkSuQmCC"
)


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 << 10

    def answer(self, status, body, kind="application/json", *headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        route = getattr(self, "get_" + url.path.strip("/").replace("/", "_").replace(".", "_"), None)
        if route is None and url.path == "/":
            route = self.get_index
        if route is None:
            return self.answer(404, {"error": "no such page"})
        route(query)

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/events":
            event = json.loads(content)
            return self.answer(200, {"handled": len(event.get("Records", []))})
        print(f"received {len(content)} bytes", flush=True)
        try:
            order = json.loads(content)
        except ValueError as error:
            return self.answer(400, {"error": str(error)})
        self.answer(201, {"order": 1042, "items": order.get("items", [])}, "application/json", ("Location", "/api/orders/1042"))

    def get_index(self, query):
        page = b"<!doctype html><title>Shop</title><h1>Shop</h1><p>Version one.</p>"
        self.answer(200, page, "text/html; charset=utf-8", ("Set-Cookie", "session=7f9c2ba4e88f827d; HttpOnly"))

    def get_api_hello(self, query):
        print(f"greeting {query.get('name', 'World')}", flush=True)
        self.answer(200, {"message": f"Hello, {query.get('name', 'World')}!", "served": True, "took": 0.4})

    def get_api_environment(self, query):
        self.answer(200, {"value": os.environ.get(query["name"])})

    def get_api_report(self, query):
        print("building the report", flush=True)
        time.sleep(0.42)
        print("the report has 3 pages", flush=True)
        self.answer(200, {"pages": 3})

    def get_api_fail(self, query):
        print("Traceback (most recent call last):\n  File \"app.py\", line 71, in get_api_fail\nKeyError: 'customer'", file=sys.stderr, flush=True)
        self.answer(500, {"error": "KeyError: 'customer'"})

    def get_api_crash(self, query):
        print("out of patience", flush=True)
        os._exit(3)

    def get_logo_png(self, query):
        self.answer(200, PICTURE, "image/png")

    def get_api_progress(self, query):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for step in range(int(query.get("steps", "5"))):
            piece = f"data: step {step + 1}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(float(query.get("pause", "0.1")))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), App).serve_forever()
