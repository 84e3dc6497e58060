"""Serves the application with the standard library alone."""

import os
import signal
import sys
import time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from application import application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def stop(*_):
    print("the app got SIGTERM", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
time.sleep(float(os.environ.get("START_DELAY", "0")))
port = int(os.environ.get("APP_LISTENS_ON") or os.environ.get("PORT", "8080"))
with make_server("0.0.0.0", port, application, server_class=Server) as server:
    print(f"listening on {port}", flush=True)
    server.serve_forever()
