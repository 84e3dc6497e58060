"""The contract of the sample app, as tables. Run: pytest (in this folder)."""

import json

import pytest

from app import app


@pytest.fixture
def client():
    return app.test_client()


@pytest.mark.parametrize(
    "path, want",
    [
        ("/", {"status": "healthy"}),
        ("/api/hello", {"message": "Hello, World!"}),
        ("/api/hello?name=Ada", {"message": "Hello, Ada!"}),
        ("/api/hello?name=Zo%C3%AB+%26+co", {"message": "Hello, Zoë & co!"}),
        ("/api/hello?name=", {"message": "Hello, !"}),
        ("/api/hello?name=a&name=b", {"message": "Hello, a!"}),
    ],
)
def test_get(client, path, want):
    response = client.get(path)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.get_json() == want


@pytest.mark.parametrize("document", [{"a": [1, 2.5, None]}, [], "text", 0, None, {"ключ": "🙂"}])
def test_echo_returns_the_json_it_got(client, document):
    response = client.post("/api/echo", data=json.dumps(document), content_type="application/json")
    assert response.status_code == 200
    assert response.get_json() == {"received": document}


@pytest.mark.parametrize(
    "method, path, kwargs, status",
    [
        ("POST", "/api/echo", {"data": "{not json", "content_type": "application/json"}, 400),
        ("POST", "/api/echo", {"data": "", "content_type": "application/json"}, 400),
        ("POST", "/api/echo", {"data": "{not json"}, 400),
        ("GET", "/api/echo", {}, 405),
        ("GET", "/nowhere", {}, 404),
    ],
)
def test_errors_are_json(client, method, path, kwargs, status):
    response = client.open(path, method=method, **kwargs)
    assert response.status_code == status
    assert response.mimetype == "application/json"
    assert set(response.get_json()) == {"error", "message"}
