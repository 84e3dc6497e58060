"""Echoes bodies, and notes every request it was given in the file SEEN."""

import os


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    mark = dict(scope["headers"]).get(b"x-mark", b"").decode()
    if mark:
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(mark + "\n")
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/fail":
        raise RuntimeError("as the test asked")
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
