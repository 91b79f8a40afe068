"""Whatever may come in is looked through for what no database keeps; what is only ever told is not looked through again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from api.models.base import Model, Shown
from tests.api.conftest import Network
from tests.api.test_access import _routes
from tests.kept import kept_app


def _models(kind: Any, seen: set[Any]) -> Iterator[type[BaseModel]]:
    if kind in seen:
        return
    seen.add(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _models(field.annotation, seen)
    for part in get_args(kind):
        yield from _models(part, seen)


async def test_nothing_that_a_request_may_hold_is_of_a_kind_that_is_only_told(network: Network) -> None:
    with kept_app(network.parts) as app:
        bodies = [route.body_field.field_info.annotation for route in _routes(app) if route.body_field is not None]
    came = {model for body in bodies for model in _models(body, set())}
    assert len(came) > 40
    assert [model.__name__ for model in came if issubclass(model, Shown) and not issubclass(model, Model)] == []
