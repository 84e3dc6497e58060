import functools
import sqlite3

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from .db import connection

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.before_app_request
def load_member():
    g.member = connection().execute("SELECT * FROM member WHERE id = ?", (session.get("member"),)).fetchone()


def members_only(view):
    @functools.wraps(view)
    def wrapped(**arguments):
        if g.member is None:
            return redirect(url_for("auth.login"))
        return view(**arguments)

    return wrapped


@bp.route("/register", methods=("GET", "POST"))
def register():
    if request.method == "POST":
        name, password = request.form["name"], request.form["password"]
        if not name or not password:
            flash("Name and password are needed.")
            return render_template("auth/register.html"), 400
        try:
            with connection() as db:
                db.execute("INSERT INTO member (name, password) VALUES (?, ?)", (name, generate_password_hash(password)))
        except sqlite3.IntegrityError:
            flash(f"{name} is a member already.")
        else:
            return redirect(url_for("auth.login"))
    return render_template("auth/register.html")


@bp.route("/login", methods=("GET", "POST"))
def login():
    if request.method == "POST":
        member = connection().execute("SELECT * FROM member WHERE name = ?", (request.form["name"],)).fetchone()
        if member and check_password_hash(member["password"], request.form["password"]):
            session.clear()
            session["member"] = member["id"]
            return redirect(url_for("posts.index"))
        flash("Name or password is wrong.")
    return render_template("auth/login.html")


@bp.get("/logout")
def logout():
    session.clear()
    return redirect(url_for("posts.index"))
