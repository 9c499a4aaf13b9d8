"""Addresses of the pages that people see."""

from django.urls import path

app_name = "dashboard"
urlpatterns: list = []
