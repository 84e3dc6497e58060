"""ASGI middleware for a proxy that takes a prefix off the path and names it in X-Forwarded-Prefix."""

from starlette.datastructures import Headers


class ForwardedPrefix:
    """Does for each request what uvicorn's --root-path does for one fixed prefix."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket") and (prefix := Headers(scope=scope).get("x-forwarded-prefix")):
            scope = scope | {"root_path": prefix, "path": prefix + scope["path"]}
        await self.app(scope, receive, send)
