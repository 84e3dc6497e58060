from django.urls import path

from . import views

app_name = "polls"
urlpatterns = [
    path("", views.index, name="index"),
    path("<int:question_id>/", views.detail, name="detail"),
    path("<int:question_id>/vote/", views.vote, name="vote"),
    path("files/", views.files, name="files"),
    path("files/<str:name>", views.download, name="download"),
    path("about/<path:name>", views.about, name="about"),
    path("broken/", views.broken, name="broken"),
]
