"""Sends requests signed by botocore and prints one JSON line for each: name, status, body.

Usage: sign_with_botocore.py BASE_URL ACCESS_KEY SECRET SESSION_TOKEN REGION
"""

import http.client
import json
import sys
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REQUESTS = [
    ("plain", "GET", "/v1/x", None),
    ("path that is collapsed", "GET", "/v1/x%2By/a//b?t=u%20v&t=1", None),
    ("dot segments", "GET", "/v1/a/./b/../c", None),
    ("query that is encoded in another way", "GET", "/v1/x?t=u+v&s=a/b!", None),
    ("query in disorder", "GET", "/v1/x?b=2&a=1&a=%2F&e=", None),
    ("body", "POST", "/v1/x", b'{"a":1}'),
    ("utf-8", "PUT", "/v1/%CE%BB?p=%F0%9F%99%82", "λ".encode()),
]


def send(base, request):
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)
    # The target goes out as it is written.
    connection.putrequest(request.method, parts.path + ("?" + parts.query if parts.query else ""), skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    if request.body:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body)
    response = connection.getresponse()
    return response.status, response.read().decode()


def main():
    base, key, secret, token, region = sys.argv[1:]
    credentials = Credentials(key, secret, token or None)
    for name, method, target, body in REQUESTS:
        for signer in (SigV4Auth(credentials, "execute-api", region), SigV4QueryAuth(credentials, "execute-api", region, expires=60)):
            request = AWSRequest(method=method, url=base + target, data=body)
            if isinstance(signer, SigV4QueryAuth) and body:
                continue  # botocore signs no bodies into queries
            signer.add_auth(request)
            status, text = send(base, request.prepare() if isinstance(signer, SigV4Auth) and not isinstance(signer, SigV4QueryAuth) else request)
            print(json.dumps({"name": f"{name} by {type(signer).__name__}", "status": status, "body": text}))


main()
