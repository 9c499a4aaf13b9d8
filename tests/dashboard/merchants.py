"""A merchant with a product in every state, and browsers of people with a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from apps.accounts.models import User, Workspace
from apps.audit import services as audit
from apps.automation.models import Rule
from apps.automation.services import ruling
from apps.catalog.models import Photo, Product
from apps.jobs.models import Batch, Job
from apps.publishing.models import Publication, Reversal
from apps.recipes.models import RecipeVersion
from apps.review.models import Item
from apps.stores.models import Approval, LegalRequest, Store
from tests import factories


@dataclass
class Merchant:
    """A workspace with a product in every state."""

    workspace: Workspace
    store: Store
    version: RecipeVersion
    waiting: Item
    live: Publication
    failed_write: Publication
    failed_job: Job
    queued_job: Job
    unfetched: Photo
    batch: Batch
    rule: Rule
    reversal: Reversal
    approval: Approval
    privacy: LegalRequest

    @property
    def product(self) -> Product:
        return self.waiting.job.photo.product

    def product_in_review(self, title: str = "Kettle", **item: Any) -> Item:
        """One more picture that waits for a decision."""
        photo = factories.PhotoFactory(product__store=self.store, product__title=title)
        job = factories.JobFactory(photo=photo, recipe_version=self.version, done=True)
        return factories.ItemFactory(job=job, **item)

    def product_that_is_live(self, title: str = "Lamp", **publication: Any) -> Publication:
        item = self.product_in_review(title, state="approved", reasons=[])
        return factories.PublicationFactory(item=item, **publication)


def open_for_business(name: str) -> Merchant:
    store = factories.StoreFactory(workspace__name=name)
    version = factories.RecipeVersionFactory(recipe__workspace=store.workspace, recipe__automatic=True)
    merchant = Merchant.__new__(Merchant)
    merchant.workspace, merchant.store, merchant.version = store.workspace, store, version
    merchant.waiting = merchant.product_in_review("Teapot")
    merchant.live = merchant.product_that_is_live("Bottle")
    merchant.failed_write = merchant.product_that_is_live("Basket", failed=True)

    def plain_photo(title: str) -> Photo:
        return factories.PhotoFactory(product__store=store, product__title=title)

    merchant.failed_job = factories.JobFactory(photo=plain_photo("Torn"), recipe_version=version, failed=True)
    merchant.queued_job = factories.JobFactory(photo=plain_photo("Fresh"), recipe_version=version)
    merchant.unfetched = factories.PhotoFactory(product__store=store, product__title="Listed", fetched=False)
    factories.AttemptFactory(job=merchant.waiting.job)
    merchant.batch = factories.BatchFactory(store=store, recipe_version=version, name=f"Spring at {name}")
    merchant.rule = ruling.standard(store)
    merchant.reversal = factories.ReversalFactory(batch=merchant.batch)
    merchant.approval = factories.ApprovalFactory(workspace=store.workspace)
    merchant.privacy = LegalRequest.objects.create(
        store=store, kind="data_request", webhook_id="1", work_state="done", answer={"says": "nothing"}
    )
    audit.record(
        "store.connected",
        workspace=store.workspace_id,
        subject=f"store:{store.pk}",
        url=store.url,
        again=False,
    )
    return merchant


def log_in(workspace: Workspace, role: str) -> Client:
    """A browser of somebody with that role in the workspace."""
    client = Client()
    client.force_login(factories.MemberFactory(workspace=workspace, role=role).user)
    return client


def person(client: Client) -> User:
    """Who this browser is logged in as."""
    return User.objects.get(pk=client.session["_auth_user_id"])
