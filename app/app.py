"""A small Flask app. It is an ordinary web app: nothing in it knows where it runs."""

from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException

app = Flask(__name__)


@app.get("/")
def health():
    return jsonify(status="healthy")


@app.get("/api/hello")
def hello():
    name = request.args.get("name", "World")
    return jsonify(message=f"Hello, {name}!")


@app.post("/api/echo")
def echo():
    # force: the body decides, so a client that names no content type is understood too
    return jsonify(received=request.get_json(force=True))


@app.errorhandler(HTTPException)
def json_error(error):
    """Every HTTP error, bad JSON among them, is answered as JSON."""
    return jsonify(error=error.name, message=error.description), error.code
