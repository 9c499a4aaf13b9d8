"""Rows for tests, as they look after real work: pictures lie in storage, hashes fit, states agree with each other."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory
from PIL import Image, ImageDraw

from apps.accounts.models import Member, Role, User, Workspace
from apps.catalog.models import Photo, Product, Variant
from apps.jobs.models import (
    Attempt,
    AttemptState,
    Batch,
    Job,
    JobInput,
    JobState,
    Preparation,
    Render,
    Worker,
)
from apps.lib import blobs, ids
from apps.lib.work import WorkState
from apps.publishing.models import (
    Publication,
    Reversal,
    Reversed,
    Snapshot,
    Step,
    StepName,
    StepState,
    Undo,
)
from apps.recipes.models import Recipe, RecipeVersion
from apps.recipes.services import WHITE_PACKSHOT
from apps.review.models import Item, ItemState
from apps.stores.models import Approval, Store

PASSWORD = "a long enough password"
ENGINES = {"cutout": "classic/1"}


def picture(
    colour: tuple[int, int, int] = (180, 90, 40),
    *,
    size_px: int = 96,
    backdrop: tuple[int, ...] = (226, 221, 210),
    format: str = "jpeg",
) -> bytes:
    """A small product photo: a round thing on a backdrop. A backdrop with four numbers may be see-through (PNG)."""
    image = Image.new("RGBA" if len(backdrop) == 4 else "RGB", (size_px, size_px), backdrop)
    margin = size_px // 6
    ImageDraw.Draw(image).ellipse((margin, margin, size_px - margin, size_px - margin), fill=colour)
    out = io.BytesIO()
    image.save(out, format.upper())
    return out.getvalue()


def colour_of(number: int) -> tuple[int, int, int]:
    """Another colour for each number, so that each factory's picture has bytes of its own."""
    return (37 * number % 200 + 20, 91 * number % 200 + 20, 53 * number % 200 + 20)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    password = factory.django.Password(PASSWORD)


class WorkspaceFactory(DjangoModelFactory):
    class Meta:
        model = Workspace

    name = factory.Sequence(lambda n: f"Merchant {n}")


class MemberFactory(DjangoModelFactory):
    class Meta:
        model = Member

    user = factory.SubFactory(UserFactory)
    workspace = factory.SubFactory(WorkspaceFactory)
    role = Role.OWNER


class StoreFactory(DjangoModelFactory):
    class Meta:
        model = Store

    workspace = factory.SubFactory(WorkspaceFactory)
    platform = "fake"
    name = factory.Sequence(lambda n: f"Shop {n}")
    url = factory.Sequence(lambda n: f"https://shop{n}.example.com")
    credentials = factory.LazyFunction(
        lambda: {"key": "ck_k", "secret": "cs_s", "user": "u", "app_password": "p"}
    )
    hook_secret = factory.LazyFunction(ids.token)
    can_upload = True
    about = factory.LazyFunction(
        lambda: {"version": "10.3", "can_write": True, "can_webhook": True, "notes": []}
    )


class ApprovalFactory(DjangoModelFactory):
    """A store was asked for access half a minute ago. `token` is what it answers under; the row has its hash."""

    class Meta:
        model = Approval
        exclude = ("token",)

    token = factory.Sequence(lambda n: f"token-{n}-of-this-approval")
    workspace = factory.SubFactory(WorkspaceFactory)
    platform = "woocommerce"
    way = "keys"
    asked_by = "user:0"
    token_sha256 = factory.LazyAttribute(lambda row: ids.sha256_hex(row.token.encode()))
    url = factory.Sequence(lambda n: f"https://asked{n}.example.com")
    api_root = factory.LazyAttribute(lambda row: f"{row.url}/wp-json/")
    name = "Asked shop"
    expires_at = factory.LazyFunction(lambda: timezone.now() + dt.timedelta(minutes=30))
    not_before = hint_after = factory.SelfAttribute("expires_at")


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product

    store = factory.SubFactory(StoreFactory)
    external_id = factory.Sequence(lambda n: str(1000 + n))
    title = factory.Sequence(lambda n: f"Product {n}")
    url = factory.LazyAttribute(lambda p: f"{p.store.url}/product/{p.external_id}/")
    status = "publish"
    type = "simple"
    sku = factory.Sequence(lambda n: f"SKU-{n:04}")
    modified_at = factory.LazyFunction(timezone.now)


class VariantFactory(DjangoModelFactory):
    class Meta:
        model = Variant

    product = factory.SubFactory(ProductFactory)
    external_id = factory.Sequence(lambda n: str(5000 + n))
    title = factory.Sequence(lambda n: f"Variant {n}")


class PhotoFactory(DjangoModelFactory):
    """A photo whose original was fetched. `data` are its bytes; `fetched=False` for one that was only listed."""

    class Meta:
        model = Photo

    class Params:
        fetched = True
        data = factory.Sequence(lambda n: picture(colour_of(n)))

    product = factory.SubFactory(ProductFactory)
    media_id = factory.Sequence(lambda n: str(9000 + n))
    src = factory.LazyAttribute(lambda p: f"{p.product.store.url}/wp-content/uploads/{p.media_id}.jpg")
    name = factory.LazyAttribute(lambda p: p.product.title)
    alt = factory.LazyAttribute(lambda p: p.product.title)
    key = factory.LazyAttribute(
        lambda p: stored(p.data, p.product.store, "originals")[0] if p.fetched else ""
    )
    sha256 = factory.LazyAttribute(lambda p: ids.sha256_hex(p.data) if p.fetched else "")
    bytes = factory.LazyAttribute(lambda p: len(p.data) if p.fetched else 0)


def stored(data: bytes, store: Store, kind: str, extension: str = "") -> tuple[str, str]:
    """(key, sha256) of bytes that now lie in storage."""
    return blobs.put(data, workspace=store.workspace_id, store=store.pk, kind=kind, extension=extension)


class RecipeFactory(DjangoModelFactory):
    class Meta:
        model = Recipe

    workspace = factory.SubFactory(WorkspaceFactory)
    name = factory.Sequence(lambda n: f"White packshot {n}")


class RecipeVersionFactory(DjangoModelFactory):
    class Meta:
        model = RecipeVersion

    recipe = factory.SubFactory(RecipeFactory)
    number = 1
    pipeline = "background"
    body = factory.LazyFunction(lambda: dict(WHITE_PACKSHOT))
    digest = factory.LazyAttribute(lambda v: ids.digest(v.body))


class BatchFactory(DjangoModelFactory):
    class Meta:
        model = Batch

    store = factory.SubFactory(StoreFactory)
    workspace = factory.SelfAttribute("store.workspace")
    recipe_version = factory.SubFactory(
        RecipeVersionFactory, recipe__workspace=factory.SelfAttribute("...workspace")
    )
    name = factory.Sequence(lambda n: f"Batch {n}")
    idempotency_key = factory.LazyFunction(lambda: uuid.uuid4().hex)
    created_by = "system"


class WorkerFactory(DjangoModelFactory):
    class Meta:
        model = Worker

    name = factory.Sequence(lambda n: f"worker-{n}")
    capability = "cpu"
    region = "local"
    device = "cpu"
    engines = factory.LazyFunction(lambda: dict(ENGINES))
    beat_at = factory.LazyFunction(timezone.now)


def measures(**changed: Any) -> dict[str, Any]:
    """What QA says of a good white packshot."""
    return {
        "width_px": 96,
        "height_px": 96,
        "format": "jpeg",
        "size_bytes": 2400,
        "border_white_share": 1.0,
        "fill": 0.85,
        "centring_offset": 0.002,
        "fidelity_levels_max": 0,
        "fidelity_delta_e_p95": 0.31,
        "sharpness": 210.0,
        "touches_frame": 0.0,
        "clipped_highlights": 0.0,
        "clipped_shadows": 0.0,
        "source_width_px": 96,
        "source_height_px": 96,
        "scale": 1.0,
        **changed,
    }


class RenderFactory(DjangoModelFactory):
    """A render with its picture (JPEG on white) and its cut-out (PNG) in storage."""

    class Meta:
        model = Render

    class Params:
        colour = factory.Sequence(lambda n: colour_of(n))

    store = factory.SubFactory(StoreFactory)
    workspace = factory.SelfAttribute("store.workspace")
    request = factory.LazyFunction(lambda: uuid.uuid4().hex * 2)
    engines = factory.LazyFunction(lambda: dict(ENGINES))
    engines_digest = factory.LazyAttribute(lambda r: ids.digest(r.engines))
    fingerprint = factory.LazyFunction(lambda: {"device": "cpu"})
    files = factory.LazyAttribute(lambda r: render_files(r.store, r.colour))
    measures = factory.LazyFunction(measures)
    confidence = 0.97
    seconds = factory.LazyFunction(lambda: {"load": 0.01, "cutout": 0.42, "encode": 0.05})


def render_files(store: Store, colour: tuple[int, int, int]) -> list[dict[str, Any]]:
    files = []
    for name, format, backdrop in (("main", "jpeg", (255, 255, 255)), ("cutout", "png", (0, 0, 0, 0))):
        data = picture(colour, backdrop=backdrop, format=format)
        key, sha256 = stored(data, store, "renders", "jpg" if format == "jpeg" else format)
        files.append(
            {
                "name": name,
                "key": key,
                "sha256": sha256,
                "size_bytes": len(data),
                "format": format,
                "width_px": 96,
                "height_px": 96,
            }
        )
    return files


class JobFactory(DjangoModelFactory):
    """A job that waits for a worker; the traits are what became of it."""

    class Meta:
        model = Job
        skip_postgeneration_save = True

    class Params:
        done = factory.Trait(
            state=JobState.DONE,
            finished_at=factory.LazyFunction(timezone.now),
            attempt_count=1,
            tries=1,
            render=factory.SubFactory(RenderFactory, store=factory.SelfAttribute("..store")),
        )
        failed = factory.Trait(
            state=JobState.FAILED,
            finished_at=factory.LazyFunction(timezone.now),
            error_code="truncated",
            error="The picture is damaged or incomplete.",
        )

    photo = factory.SubFactory(PhotoFactory)
    store = factory.SelfAttribute("photo.product.store")
    workspace = factory.SelfAttribute("store.workspace")
    recipe_version = factory.SubFactory(
        RecipeVersionFactory, recipe__workspace=factory.SelfAttribute("...workspace")
    )
    once = factory.LazyFunction(lambda: uuid.uuid4().hex)
    state = JobState.QUEUED

    @factory.post_generation
    def inputs(job: Job, create: bool, extracted: Any, **_: Any) -> None:
        if create:
            JobInput.objects.create(job=job, photo=job.photo, sha256=job.photo.sha256, key=job.photo.key)

    @factory.post_generation
    def preparation(job: Job, create: bool, extracted: Any, **_: Any) -> None:
        if create:
            waiting = job.state == JobState.PREPARING
            Preparation.objects.create(job=job, work_state=WorkState.WAITING if waiting else WorkState.DONE)


class AttemptFactory(DjangoModelFactory):
    class Meta:
        model = Attempt

    job = factory.SubFactory(JobFactory)
    number = 1
    chunk = factory.LazyFunction(uuid.uuid4)
    state = AttemptState.DONE
    worker = "worker-1"
    start_by = factory.LazyFunction(timezone.now)
    lease_until = factory.LazyFunction(timezone.now)
    started_at = factory.LazyFunction(timezone.now)
    ended_at = factory.LazyFunction(timezone.now)
    device_seconds = 0.5


class ItemFactory(DjangoModelFactory):
    """A render that waits for a person, with policy's reason."""

    class Meta:
        model = Item

    job = factory.SubFactory(JobFactory, done=True)
    workspace = factory.SelfAttribute("job.workspace")
    render = factory.SelfAttribute("job.render")
    verdict = "review"
    reasons = factory.LazyFunction(
        lambda: ["The cut-out may be wrong: confidence 0.71, this recipe asks for 0.90."]
    )


class PublicationFactory(DjangoModelFactory):
    """A picture that is live in the store, with its snapshot and steps. `waiting=True`: approved, nothing written yet."""

    class Meta:
        model = Publication
        skip_postgeneration_save = True

    class Params:
        waiting = factory.Trait(work_state=WorkState.WAITING, published_at=None, media_id="", media_src="")
        failed = factory.Trait(
            work_state=WorkState.FAILED,
            published_at=None,
            media_id="",
            media_src="",
            error="The store understood the change and refused it.",
        )

    item = factory.SubFactory(ItemFactory, state=ItemState.APPROVED, verdict="approve", reasons=[])
    workspace = factory.SelfAttribute("item.workspace")
    store = factory.SelfAttribute("item.job.store")
    product = factory.SelfAttribute("item.job.photo.product")
    photo = factory.SelfAttribute("item.job.photo")
    render = factory.SelfAttribute("item.render")
    requested_by = "policy"
    work_state = WorkState.DONE
    media_id = factory.Sequence(lambda n: str(20_000 + n))
    media_src = factory.LazyAttribute(lambda p: f"{p.store.url}/wp-content/uploads/vitrine-{p.media_id}.jpg")
    published_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def snapshot(publication: Publication, create: bool, extracted: Any, **_: Any) -> None:
        if not create or publication.published_at is None:
            return
        photo = publication.photo
        Snapshot.objects.create(
            publication=publication,
            images=[{"id": photo.media_id, "src": photo.src, "alt": photo.alt, "name": photo.name}],
            replaced_id=photo.media_id,
            replaced_src=photo.src,
            replaced_key=photo.key,
            replaced_sha256=photo.sha256,
        )
        for name in (StepName.UPLOAD, StepName.WRITE):
            now = timezone.now()
            told = {"sent_at": now, "seen_at": now, "verified_at": now}
            Step.objects.create(publication=publication, name=name, state=StepState.VERIFIED, **told)


class UndoFactory(DjangoModelFactory):
    class Meta:
        model = Undo

    publication = factory.SubFactory(PublicationFactory)
    requested_by = "system"


class ReversalFactory(DjangoModelFactory):
    """A batch that is being taken back; `ReversedFactory` adds its pictures."""

    class Meta:
        model = Reversal

    batch = factory.SubFactory(BatchFactory)
    store = factory.SelfAttribute("batch.store")
    workspace = factory.SelfAttribute("store.workspace")
    until = factory.LazyFunction(timezone.now)
    key = factory.LazyFunction(lambda: uuid.uuid4().hex)
    requested_by = "system"


class ReversedFactory(DjangoModelFactory):
    class Meta:
        model = Reversed

    reversal = factory.SubFactory(ReversalFactory)
    publication = factory.SubFactory(PublicationFactory)
    product = factory.SelfAttribute("publication.product_id")
