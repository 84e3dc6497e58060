from django.core.files.storage import default_storage
from django.db.models import F
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect, render

from .models import Choice, Question


def index(request):
    return render(request, "polls/index.html", {"questions": Question.objects.order_by("-pub_date")[:5]})


def detail(request, question_id):
    return render(request, "polls/detail.html", {"question": get_object_or_404(Question, pk=question_id)})


def vote(request, question_id):
    question = get_object_or_404(Question, pk=question_id)
    chosen = get_object_or_404(Choice, question=question, pk=request.POST.get("choice"))
    chosen.votes = F("votes") + 1
    chosen.save()
    return redirect("polls:detail", question.id)


def files(request):
    if file := request.FILES.get("file"):
        default_storage.delete(file.name)
        return redirect("polls:download", default_storage.save(file.name, file))
    return render(request, "polls/files.html")


def download(request, name):
    if not default_storage.exists(name):
        raise Http404
    return FileResponse(default_storage.open(name), as_attachment=True)


def about(request, name):
    return render(request, "polls/about.html", {"name": name, "url": request.build_absolute_uri()})


def broken(request):
    raise RuntimeError("this view fails on purpose")
