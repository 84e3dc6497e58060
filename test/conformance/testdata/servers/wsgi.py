"""Echoes bodies, and notes every request it was given in the file SEEN."""

import os


def app(environ, start_response):
    mark = environ.get("HTTP_X_MARK", "")
    if mark:
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(mark + "\n")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    if environ["PATH_INFO"] == "/fail":
        raise RuntimeError("as the test asked")
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
    return [body]
