"""A WSGI application (PEP 3333) that shows what it was asked, and answers with headers and bytes that gateways change."""

import json

PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff\xfe"


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/headers":
        headers = [("X-A", "2"), ("X-A", "3"), ("x-a", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        headers += [("WWW-Authenticate", 'Basic realm="app"'), ("Content-Type", "text/plain")]
        return answer(start_response, headers, b"headers")
    if path == "/picture":
        return answer(start_response, [("Content-Type", "image/png")], PICTURE)
    seen = {
        "path": path,
        "raw": environ["RAW_URI"],
        "query": environ["QUERY_STRING"],
        "context": environ.get("HTTP_X_AMZN_REQUEST_CONTEXT"),
    }
    return answer(start_response, [("Content-Type", "application/json")], json.dumps(seen).encode())


def answer(start_response, headers, body):
    start_response("200 OK", headers + [("Content-Length", str(len(body)))])
    return [body]
