from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for

from .auth import members_only
from .db import connection

bp = Blueprint("posts", __name__)

SELECT = "SELECT post.*, member.name FROM post JOIN member ON member.id = post.author"


@bp.get("/")
def index():
    return render_template("posts/index.html", posts=connection().execute(SELECT + " ORDER BY post.id DESC").fetchall())


def own_post(id):
    post = connection().execute(SELECT + " WHERE post.id = ?", (id,)).fetchone()
    if post is None:
        abort(404)
    if post["author"] != g.member["id"]:
        abort(403)
    return post


def save(statement, *values):
    if not request.form["title"]:
        flash("A post needs a title.")
        return None
    with connection() as db:
        db.execute(statement, (request.form["title"], request.form["body"], *values))
    return redirect(url_for("posts.index"))


@bp.route("/create", methods=("GET", "POST"))
@members_only
def create():
    saved = None
    if request.method == "POST":
        saved = save("INSERT INTO post (title, body, author) VALUES (?, ?, ?)", g.member["id"])
    return saved or render_template("posts/edit.html", post=None)


@bp.route("/<int:id>/edit", methods=("GET", "POST"))
@members_only
def edit(id):
    post, saved = own_post(id), None
    if request.method == "POST":
        saved = save("UPDATE post SET title = ?, body = ? WHERE id = ?", id)
    return saved or render_template("posts/edit.html", post=post)


@bp.post("/<int:id>/delete")
@members_only
def delete(id):
    own_post(id)
    with connection() as db:
        db.execute("DELETE FROM post WHERE id = ?", (id,))
    return redirect(url_for("posts.index"))
