from django.urls import path

from figures import hooks, views

urlpatterns = [
    path("", views.page),
    path("chart.svg", views.chart),
    path("dice", views.dice),
    path("internal/save", hooks.before_snapshot),
    path("internal/restored", hooks.after_restore),
]
