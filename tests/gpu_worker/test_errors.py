"""Errors say whether trying again can help, and the merchant reads their sentence."""

from gpu_worker import errors


def leaves(cls: type) -> list[type]:
    below = cls.__subclasses__()
    return [leaf for sub in below for leaf in leaves(sub)] if below else [cls]


def test_every_error_has_a_code_of_its_own_kind_and_a_sentence():
    for cls in leaves(errors.WorkerError):
        told = cls().as_error()
        assert told.code and told.message.endswith(".")
        assert told.retry == issubclass(cls, errors.Retry)


def test_memory_and_storage_are_worth_another_try_and_a_bad_photo_is_not():
    assert errors.OutOfMemory().as_error().retry
    assert errors.StorageUnavailable().as_error().retry
    assert not errors.UnusablePhoto().as_error().retry
    assert not errors.CorruptInput().as_error().retry
