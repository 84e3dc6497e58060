"""A small blog: visitors read, members write."""

import os

from flask import Flask


def create_app(test_config=None):
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(SECRET_KEY="dev", DATABASE=os.path.join(app.instance_path, "blog.sqlite"))
    app.config.from_prefixed_env()
    app.config.from_mapping(test_config or {})
    os.makedirs(app.instance_path, exist_ok=True)

    from . import auth, db, posts

    db.init_app(app)
    app.register_blueprint(auth.bp)
    app.register_blueprint(posts.bp)
    return app
