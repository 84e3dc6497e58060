from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.views import generic
from django.views.decorators.http import require_POST

from .models import Question


class IndexView(generic.ListView):
    queryset = Question.objects.order_by("-published")
    template_name = "polls/index.html"


class DetailView(generic.DetailView):
    model = Question
    template_name = "polls/detail.html"


class ResultsView(generic.DetailView):
    model = Question
    template_name = "polls/results.html"


@require_POST
def vote(request, pk):
    question = get_object_or_404(Question, pk=pk)
    if not question.choice_set.filter(pk=request.POST.get("choice", "0")).update(votes=F("votes") + 1):
        return render(request, "polls/detail.html", {"question": question, "message": "Choose one."}, status=400)
    return redirect("polls:results", pk=pk)
