"""A Flask app that knows nothing of prefixes: its links are Flask's, and one redirect and one cookie are written by hand."""
import os

from flask import Flask, jsonify, redirect, request, url_for

app = Flask(__name__, static_folder=None)


@app.get("/")
def home():
    return jsonify(home=url_for("home"), login=url_for("login"), path=request.path, root=request.script_root)


@app.get("/login")
def login():
    absolute = url_for("login", _external=True)
    return jsonify(home=url_for("home"), login=url_for("login"), path=request.path, root=request.script_root, absolute=absolute)


@app.get("/leave")
def leave():
    return redirect(url_for("home"))


@app.get("/hard")
def hard():
    answer = redirect("/login")
    answer.set_cookie("a", "1", path="/login")
    return answer


if os.environ.get("SITE_ANSWERS_EVERYTHING"):

    @app.get("/<path:rest>")
    def anything(rest):
        return jsonify(home=url_for("home"), login=url_for("login"), path=request.path, root=request.script_root)


if os.environ.get("SITE_WANTS_HTTPS"):

    @app.before_request
    def secure():
        if request.headers.get("X-Forwarded-Proto") != "https":
            return redirect(request.url.replace("http:", "https:", 1), 301)


if os.environ.get("SITE_MIDDLEWARE") == "ProxyFix":
    from werkzeug.middleware.proxy_fix import ProxyFix

    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)

if os.environ.get("SITE_MIDDLEWARE") == "own":

    class Prefix:
        def __init__(self, inner):
            self.inner = inner

        def __call__(self, environ, start_response):
            environ["SCRIPT_NAME"] = environ.get("HTTP_X_FORWARDED_PREFIX", "")
            return self.inner(environ, start_response)

    app.wsgi_app = Prefix(app.wsgi_app)

if os.environ.get("SITE_SERVER") == "uvicorn":
    from a2wsgi import WSGIMiddleware

    asgi = WSGIMiddleware(app)
