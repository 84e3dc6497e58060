"""What the one proxy in front of the app says about its clients, for Django."""

from django.urls import get_script_prefix
from whitenoise.storage import CompressedManifestStaticFilesStorage


def behind_proxy(app):
    """WSGI middleware: the client's address. The prefix comes from gunicorn, in SCRIPT_NAME."""

    def application(environ, start_response):
        # Each proxy adds the address it was called from at the end; what stands before it is the client's word.
        addresses = environ.get("HTTP_X_FORWARDED_FOR", environ["REMOTE_ADDR"])
        environ["REMOTE_ADDR"] = addresses.rpartition(",")[2].strip()
        return app(environ, start_response)

    return application


class PrefixedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Puts each request's prefix before the URLs of static files. Django by itself keeps the first one it sees."""

    def url(self, name, force=False):
        return get_script_prefix().rstrip("/") + super().url(name, force)
