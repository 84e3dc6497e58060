import os

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.utils import timezone

from polls.models import Question


class Command(BaseCommand):
    help = "Makes a poll to look at, and the user admin if DJANGO_SUPERUSER_PASSWORD is set, where there are none"

    def handle(self, **options):
        if not Question.objects.exists():
            question = Question.objects.create(question_text="What's new?", pub_date=timezone.now())
            for text in ("Not much", "The sky"):
                question.choice_set.create(choice_text=text)
        password, users = os.environ.get("DJANGO_SUPERUSER_PASSWORD"), get_user_model().objects
        if password and not users.filter(username="admin").exists():
            users.create_superuser("admin", "", password)
