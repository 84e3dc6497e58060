"""What must not be the same in every copy of a snapshot. The adapter lets nobody else call these."""

import random

import numpy
from django.db import connections
from django.http import HttpResponse
from django.views.decorators.http import require_POST

restores = 0


@require_POST
def before_snapshot(request):
    connections.close_all()  # a connection does not survive; Django opens the next one when it is needed
    return HttpResponse(status=204)


@require_POST
def after_restore(request):
    global restores
    restores += 1
    random.seed()
    numpy.random.seed()
    return HttpResponse(status=204)
