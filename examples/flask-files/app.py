"""Upload and download of files, as the tutorial of Flask has it. Nothing in it knows where it runs."""

import os
import time
from pathlib import Path

from flask import Flask, abort, flash, redirect, render_template, request, send_from_directory, url_for
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import safe_join

app = Flask(__name__)
app.config.from_prefixed_env()  # FLASK_SECRET_KEY and so on
app.config.setdefault("UPLOAD_FOLDER", "/tmp/uploads")
app.config["MAX_CONTENT_LENGTH"] = 4_500_000

# One proxy stands in front and says who called and with which scheme. It does not say the
# host in a header of its own, so X-Forwarded-Host would be the client's word.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=0)


def folder():
    path = Path(app.config["UPLOAD_FOLDER"])
    path.mkdir(parents=True, exist_ok=True)
    return path


@app.get("/")
def index():
    return render_template("index.html", names=sorted(f.name for f in folder().iterdir()))


@app.post("/")
def upload():
    file = request.files.get("file")
    if file is None or file.filename == "":
        flash("No selected file")
        return redirect(url_for("index"))
    target = safe_join(folder(), file.filename)
    if target is None or "/" in file.filename:
        abort(400, "This name cannot be the name of a file.")
    file.save(target)
    flash(f"{file.filename} is here now")
    return redirect(url_for("index"))


@app.get("/uploads/<name>")
def download(name):
    return send_from_directory(folder(), name, as_attachment=True)


@app.get("/about/<path:name>")
def about(name):
    return render_template("about.html", name=name)


@app.post("/tasks/tidy")
def tidy():
    """A schedule's job: uploads that are older than a day go. The header is one that no client can send."""
    if "X-Lambda-Web-Schedule" not in request.headers:
        abort(403)
    old = [f for f in folder().iterdir() if f.stat().st_mtime < time.time() - 24 * 3600]
    for file in old:
        file.unlink()
    return {"removed": len(old)}


@app.get("/broken")
def broken():
    raise RuntimeError("this route fails on purpose")


@app.errorhandler(404)
@app.errorhandler(500)
def error_page(error):
    return render_template("error.html", error=error), error.code
