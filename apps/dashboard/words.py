"""What rows say in a merchant's words: states, and the sentences of the audit trail."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from apps.audit.models import Detail, Event
from apps.jobs.models import OPEN_STATES, Job, JobState
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.review.models import Item, ItemState
from apps.stores.models import Store, StoreState


@dataclass(frozen=True)
class Said:
    """A state in words. `tone` is good, bad, warn, busy or quiet; `moving`: it will change by itself."""

    tone: str
    text: str
    detail: str = ""
    moving: bool = False


def store(row: Store) -> Said:
    tone = {StoreState.CONNECTED: "good", StoreState.BROKEN: "bad"}.get(StoreState(row.state), "quiet")
    return Said(tone, row.get_state_display().capitalize(), row.problem)


def job(row: Job) -> Said:
    """A job that failed before and waits again tells its last reason, too."""
    tone = {
        JobState.DONE: "good",
        JobState.FAILED: "bad",
        JobState.QUARANTINED: "bad",
        JobState.CANCELLED: "quiet",
    }.get(JobState(row.state), "busy")
    text = "Rendered before, taken from the cache" if row.cached else row.get_state_display().capitalize()
    return Said(tone, text, row.error, moving=row.state in OPEN_STATES)


def item(row: Item) -> Said:
    match row.state:
        case ItemState.PENDING:
            return Said("warn", "Waiting for you", " ".join(row.reasons))
        case ItemState.REJECTED:
            return Said("quiet", "Rejected")
    return Said("good", "Approved")


def undo_of(row: Publication) -> Undo | None:
    """The undo of a publication, without a query where it was selected along."""
    return getattr(row, "undo", None)


def publication(row: Publication) -> Said:
    """Where a picture is on its way into the store, or back out of it."""
    undo = undo_of(row)
    if row.undone_at is not None and row.published_at is None and undo is None:
        return Said("quiet", "Withdrawn before it was written")
    if row.undone_at is not None:
        return Said("quiet", "Taken back", undo.outcome if undo else "")
    if undo is not None:
        if undo.work_state == WorkState.FAILED:
            return Said("bad", "Could not be taken back", undo.error)
        return Said("busy", "Being taken back", undo.error, moving=True)
    if row.work_state == WorkState.FAILED:
        return Said("bad", "Not written into the store", row.error)
    if row.published_at is not None:
        return Said("good", "Live in the store")
    if row.work_state == WorkState.RUNNING:
        return Said("busy", "Being written into the store", row.error, moving=True)
    return Said("busy", "Waiting to be written into the store", row.error, moving=True)


def may_undo(row: Publication) -> bool:
    """Whether an undo makes sense now: it is live, or an earlier undo failed."""
    undo = undo_of(row)
    return row.live and (undo is None or undo.work_state == WorkState.FAILED)


def may_retry(row: Publication) -> bool:
    return row.work_state == WorkState.FAILED and row.published_at is None and undo_of(row) is None


# -- why a job ended without a picture: a label per code, the sentence beside it comes with the error ------------

PROBLEMS: dict[str, str] = {
    "bad_image": "Unusable photo",
    "damaged_photo": "Damaged photo",
    "unsupported_photo": "Unsupported kind of file",
    "too_small": "Photo too small",
    "too_large": "Photo too large",
    "missing_input": "Photo missing",
    "corrupt_input": "Photo exchanged",
    "photo_not_fetched": "Photo not fetched",
    "bad_recipe": "Recipe not understood",
    "output_too_large": "Picture too large for its limit",
    "weights_refused": "Licence of the model",
    "out_of_memory": "Out of memory",
    "storage_unavailable": "File storage away",
    "storage_full": "File storage full",
    "internal": "Fault of ours",
    "worker_lost": "Worker lost",
    "cancelled": "Cancelled",
}


def problem(row: Job) -> str:
    """What kind of trouble a job has, as a label; a code that is new here is shown as it stands."""
    return PROBLEMS.get(row.error_code, row.error_code.replace("_", " ").capitalize())


# -- the trail: "<who> <phrase>" ---------------------------------------------------------------------------------

PHRASES: dict[str, str] = {
    "workspace.created": "created the workspace {name}",
    "apikey.created": "made the API key {name}",
    "approval.asked": "asked {url} for access",
    "approval.refused": "said no when {url} asked whether we may have access",
    "approval.failed": "could not use the access that {url} gave: {problem}",
    "store.connected": "connected the store {url}",
    "store.disconnected": "disconnected the store",
    "store.uninstalled": "noticed that the shop took Vitrine off",
    "store.people_let_in": "let people of the shop come in from its administration",
    "store.people_kept_out": "no longer lets people of the shop come in by themselves",
    "store.access_lost": "noticed that the store no longer gives access",
    "member.address": "changed where mail to them goes",
    "member.joined": "came in from the shop's administration and is {role} here",
    "law.data_request": "answered what is held of a customer",
    "law.customer_redact": "forgot a customer, as the law asks",
    "law.shop_redact": "forgot a shop and everything of it, as the law asks",
    "store.synced": "read the store's catalogue: {products} products",
    "product.gone": "noticed that the product is no longer in the store",
    "recipe.version": "saved version {number} of the recipe {name}",
    "batch.created": "started the batch “{name}” with {jobs} photos",
    "batch.released": "let the batch go on after its pilot",
    "batch.paused": "paused the batch",
    "batch.resumed": "let the batch go on",
    "batch.cancelled": "cancelled the batch; {jobs} photos were left undone",
    "batch.retried": "had {jobs} failed photos of the batch tried again",
    "batch.capped": "changed what the batch may cost",
    "installation.restored": "brought the installation back from the backup of {made_at}",
    "keys.rotated": "encrypted {secrets} stored secrets with the newest key",
    "batch.cap_reached": "stopped handing out the batch: its cap was reached",
    "billing.asked": "asked the shop to agree to the plan {name}",
    "billing.began": "noticed that the plan {name} is active",
    "billing.frozen": "noticed that the plan {name} is frozen",
    "billing.declined": "noticed that the plan {name} was declined",
    "billing.expired": "noticed that the plan {name} was not agreed to in time",
    "billing.ended": "noticed that the plan {name} has ended",
    "billing.cancelled": "ended the plan {name}",
    "billing.cap_asked": "asked the shop to agree to a limit of {cap}",
    "billing.full": "stopped rendering: the plan's limit of {cap} is reached",
    "billing.room": "goes on rendering: there is room again under the plan's limit of {cap}",
    "billing.charged": "charged {amount} for {pictures} pictures",
    "budget.changed": "set the month's budget: warn from {warn}, stop at {stop}",
    "budget.warn": "noticed that {spent} were spent in {month}; the warning stands at {limit}",
    "budget.stop": "stopped rendering: {spent} of {limit} for {month} are spent, and no more would fit",
    "rule.created": "made the rule “{name}”: {says}",
    "rule.changed": "changed the rule “{name}”: {says}",
    "rule.on": "switched the rule “{name}” on",
    "rule.off": "switched the rule “{name}” off",
    "rule.moved": "had the rule “{name}” asked earlier",
    "rule.deleted": "deleted the rule “{name}”",
    "rule.restored": "brought the rule “{name}” back",
    "photo.rendered": "rendered the photo",
    "photo.published": "had the picture written into the store",
    "photo.restored": "had the original put back. {outcome}",
    "cutout.asked": "marked the product in the photo and asked for another cut-out: {marked}",
    "marks.forgotten": "had the marks in a photo forgotten: {marked}",
    "job.failed": "ended the job without a picture: {message}",
    "job.quarantined": "set the job aside: {message}",
    "job.cancelled": "cancelled the job",
    "job.released": "had the job tried again after it was set aside",
    "rendering.paused": "paused rendering for {name}",
    "rendering.resumed": "had rendering for {name} go on",
    "rendering.settings": "set the pace of {name}: {changed}",
    "attempt.lost": "lost touch with a worker; the job is tried again",
    "render.judged": "judged the picture: {verdict}",
    "render.approved": "approved the picture",
    "render.rejected": "rejected the picture",
    "publication.asked": "asked for the picture to be written into the store",
    "publication.failed": "could not write the picture into the store: {error}",
    "publication.retried": "tried again to write the picture into the store",
    "undo.asked": "asked for the original back",
    "undo.failed": "could not put the original back: {error}",
    "cleaning.asked": "had {files} unused pictures of ours deleted from the store",
    "cleaning.stopped": "stopped deleting unused pictures; {files} stay",
    "cleaning.ended": "ended deleting unused pictures: {deleted} are deleted, {kept} stay",
    "media.deleted": "had the file {file} deleted from the store. {outcome}",
    "publication.withdrawn": "had the picture not written into the store any more",
    "reversal.asked": "had {what} taken back: {pictures} pictures",
    "reversal.ended": "ended taking back: {done} pictures are taken back, {failed} could not be",
    "reversal.stopped": "stopped taking back; {pictures} pictures stay as they are",
    "reversal.resumed": "had taking back go on",
    "reversal.retried": "had {pictures} pictures tried again that could not be taken back",
    "notices.chosen": "chose what to hear of by mail",
    "storage.changed": "changed how long files are kept, or how much room they have",
    "storage.let_go": "let go of files that are kept no longer",
    "audit.redacted": "removed personal details from an event",
}
VERDICTS = {"approve": "good enough to go out by itself", "review": "a person should look at it"}


def phrase(event: Event) -> str:
    """What happened, to follow the actor's name. A detail that was redacted leaves an ellipsis."""
    body = _detail(event)
    values: defaultdict[str, Any] = defaultdict(lambda: "…", body)
    if "verdict" in body:
        values["verdict"] = VERDICTS.get(body["verdict"], body["verdict"])
    known = PHRASES.get(event.verb)
    said = known.format_map(values).strip() if known else event.verb.replace(".", " ")
    if body.get("override"):
        said += ", although the product's own pixels changed"
    if body.get("note"):
        said += f": “{body['note']}”"
    return said


def redacted(event: Event) -> bool:
    return not _has_detail(event)


def _detail(event: Event) -> dict[str, Any]:
    return event.detail.body if _has_detail(event) else {}


def _has_detail(event: Event) -> bool:
    try:
        return event.detail is not None
    except Detail.DoesNotExist:
        return False
