"""A WSGI application without a framework (PEP 3333), made to be awkward for whatever is in front of it."""

import json
import os
import time
from urllib.parse import parse_qs


def application(environ, start_response):
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
    method = environ["REQUEST_METHOD"]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""

    if path == "/bytes":  # the body, byte for byte
        return answer(start_response, "200 OK", [("Content-Type", environ.get("CONTENT_TYPE") or "application/octet-stream")], body)
    if path == "/cookies":
        headers = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; HttpOnly"), ("X-Cookies", environ.get("HTTP_COOKIE", ""))]
        return answer(start_response, "200 OK", headers, b"")
    if path == "/empty":
        start_response("204 No Content", [("X-Empty", "yes")])
        return []
    if path == "/moved":
        return answer(start_response, "302 Found", [("Location", "/bytes?from=moved")], b"")
    if path == "/login":  # relative, as the app does not know under which path it is
        return answer(start_response, "303 See Other", [("Location", "account?from=login"), ("Set-Cookie", "session=s3cr3t; Path=/v1; HttpOnly")], b"")
    if path == "/account":
        cookie = environ.get("HTTP_COOKIE", "")
        return answer(start_response, "200 OK" if cookie == "session=s3cr3t" else "401 Unauthorized", [], f"{method} {cookie}".encode())
    if path == "/large":
        n = int(parse_qs(environ["QUERY_STRING"])["n"][0])
        return answer(start_response, "200 OK", [("Content-Type", "application/octet-stream")], bytes(i * 7 % 256 for i in range(256)) * (n // 256))
    if path == "/environment":
        return answer(start_response, "200 OK", [("Content-Type", "application/json")], json.dumps(dict(os.environ)).encode())
    if path == "/fields":  # what it was told, and a link as frameworks make one of it
        fields = {name[5:].lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        fields["link"] = "{x_forwarded_proto}://{host}".format(**fields) + fields.get("x_forwarded_prefix", "") + "/login"
        return answer(start_response, "200 OK", [("Content-Type", "application/json")], json.dumps(fields).encode())
    if path == "/meet":  # answers when as many processes as asked for are here at once
        query = parse_qs(environ["QUERY_STRING"])
        folder, count = query["folder"][0], int(query["count"][0])
        open(os.path.join(folder, str(os.getpid())), "w").close()
        while len(os.listdir(folder)) < count:
            time.sleep(0.01)
        return answer(start_response, "200 OK", [], str(os.getpid()).encode())
    if path == "/die":
        os._exit(3)
    seen = {"method": method, "path": path, "query": environ["QUERY_STRING"], "host": environ.get("HTTP_HOST"), "pid": os.getpid()}
    return answer(start_response, "200 OK", [("Content-Type", "application/json; charset=utf-8")], json.dumps(seen, ensure_ascii=False).encode())


def answer(start_response, status, headers, body):
    start_response(status, headers + [("Content-Length", str(len(body)))])
    return [body]
