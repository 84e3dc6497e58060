import sqlite3

import click
from flask import current_app, g


def connection():
    if "connection" not in g:
        g.connection = sqlite3.connect(current_app.config["DATABASE"], detect_types=sqlite3.PARSE_DECLTYPES)
        g.connection.row_factory = sqlite3.Row
    return g.connection


def close(error=None):
    if "connection" in g:
        g.pop("connection").close()


@click.command("init-db")
def init_db():
    """Make the tables that are missing."""
    with current_app.open_resource("schema.sql", "r") as schema:
        connection().executescript(schema.read())
    click.echo("The database is ready.")


def init_app(app):
    app.teardown_appcontext(close)
    app.cli.add_command(init_db)
