"""A page with a chart. What it imports takes longer to start than everything else."""

import io
import random

import matplotlib.pyplot as pyplot
import numpy
import pandas
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from figures import hooks

rainfall = pandas.DataFrame(
    {"month": ["Jan", "Feb", "Mar", "Apr", "May", "Jun"], "mm": [61, 48, 55, 42, 67, 73]}
).set_index("month")


def page(request):
    table = [(month, row["mm"]) for month, row in rainfall.iterrows()]
    return render(request, "page.html", {"table": table, "mean": rainfall["mm"].mean()})


def chart(request):
    figure, axes = pyplot.subplots(figsize=(6, 3))
    rainfall.plot.bar(ax=axes, legend=False)
    out = io.StringIO()
    figure.savefig(out, format="svg")
    pyplot.close(figure)
    return HttpResponse(out.getvalue(), content_type="image/svg+xml")


def dice(request):
    """Numbers that differ between copies only because of the hook."""
    return JsonResponse(
        {"random": random.random(), "numpy": float(numpy.random.random()), "restores": hooks.restores}
    )
