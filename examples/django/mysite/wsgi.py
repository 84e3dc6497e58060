"""WSGI config of the project."""

import os

from django.core.wsgi import get_wsgi_application

from .proxy import behind_proxy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

application = behind_proxy(get_wsgi_application())
