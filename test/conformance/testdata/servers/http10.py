"""Python's http.server, which speaks HTTP/1.0: echoes bodies, and notes every request it was given in the file SEEN."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Echo(BaseHTTPRequestHandler):
    def answer(self):
        mark = self.headers.get("x-mark", "")
        if mark:
            with open(os.environ["SEEN"], "a") as seen:
                seen.write(mark + "\n")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(500 if self.path == "/fail" else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer


HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
