"""Addresses of the REST API, under /api/v1/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from apps.api import rules, views

router = SimpleRouter()
router.register("stores", views.StoreView)
router.register("syncs", views.SyncView)
router.register("rules", rules.RuleView)
router.register("products", views.ProductView)
router.register("jobs", views.JobView)
router.register("batches", views.BatchView)
router.register("items", views.ItemView)
router.register("publications", views.PublicationView)
router.register("events", views.EventView)

urlpatterns = [
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema", permission_classes=[]), name="api-docs"),
]
