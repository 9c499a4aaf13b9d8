"""Addresses of the pages that people see. `login` and `logout` have no namespace: Django asks for these names."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from apps.dashboard.views import (
    home,
    jobs,
    marks,
    media,
    products,
    publications,
    recipes,
    review,
    stores,
    trail,
)

pages = [
    path("", home.home, name="home"),
    path("live/", home.live, name="live"),
    path("stores/", stores.store_list, name="stores"),
    path("stores/connect/", stores.connect, name="connect"),
    path("stores/<int:pk>/", stores.store, name="store"),
    path("stores/<int:pk>/sync/", stores.sync, name="sync"),
    path("stores/<int:pk>/sync/state/", stores.sync_state, name="sync-state"),
    path("stores/<int:pk>/regenerate/", stores.regenerate, name="regenerate"),
    path("stores/<int:pk>/disconnect/", stores.disconnect, name="disconnect"),
    path("products/", products.product_list, name="products"),
    path("products/<int:pk>/", products.product, name="product"),
    path("products/<int:pk>/live/", products.product_live, name="product-live"),
    path("products/<int:pk>/again/", products.again, name="product-again"),
    path("photos/<int:pk>/marks/forget/", marks.forget, name="forget-marks"),
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/rows/", jobs.job_rows, name="job-rows"),
    path("jobs/<int:pk>/", jobs.job, name="job"),
    path("jobs/<int:pk>/live/", jobs.job_live, name="job-live"),
    path("jobs/<int:pk>/cancel/", jobs.cancel, name="cancel"),
    path("review/", review.queue, name="review"),
    path("review/approve/", review.approve_shown, name="approve-shown"),
    path("review/<int:pk>/", review.one, name="review-item"),
    path("review/<int:pk>/decide/", review.decide, name="decide"),
    path("review/<int:pk>/mark/", marks.mark, name="mark"),
    path("review/<int:pk>/again/", marks.again_state, name="again"),
    path("publications/", publications.publication_list, name="publications"),
    path("publications/rows/", publications.publication_rows, name="publication-rows"),
    path("publications/<int:pk>/", publications.publication, name="publication"),
    path("publications/<int:pk>/live/", publications.publication_live, name="publication-live"),
    path("publications/<int:pk>/undo/", publications.undo, name="undo"),
    path("publications/<int:pk>/retry/", publications.retry, name="retry"),
    path("audit/", trail.trail, name="audit"),
    path("audit/verify/", trail.verify, name="verify"),
    path("recipes/", recipes.recipe_list, name="recipes"),
    path("recipes/<int:pk>/scale/", recipes.scale, name="recipe-scale"),
    path("media/photo/<int:pk>/<slug:size>", media.photo, name="photo"),
    path("media/render/<int:pk>/<slug:name>/<slug:size>", media.render_file, name="render-file"),
]

urlpatterns = [
    path(
        "login/",
        LoginView.as_view(template_name="dashboard/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", include((pages, "dashboard"))),
]
