"""Addresses of the REST API, under /api/v1/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from apps.api import batches, plans, reversals, rules, usage, views

router = SimpleRouter()
router.register("stores", views.StoreView)
router.register("syncs", views.SyncView)
router.register("rules", rules.RuleView)
router.register("products", views.ProductView)
router.register("jobs", views.JobView)
router.register("batches", batches.BatchView)
router.register("items", views.ItemView)
router.register("publications", views.PublicationView)
router.register("reversals", reversals.ReversalView)
router.register("events", views.EventView)
router.register("usage/records", usage.RecordView)

urlpatterns = [
    path("v1/", include(router.urls)),
    path("v1/usage/", usage.UsageView.as_view(), name="usage"),
    path("v1/usage/budget/", usage.BudgetView.as_view(), name="budget"),
    path("v1/plans/", plans.PlansView.as_view(), name="plans"),
    path("v1/prices/", usage.PricesView.as_view(), name="prices"),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema", permission_classes=[]), name="api-docs"),
]
