"""Alembic's entry: migrations run on the connection that the caller hands in."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from records.tables import Base, Moment

connection = context.config.attributes["connection"]


def _plain(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A migration names the database's type, not our class: it must read the same when the class has moved on."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, Moment) else False


context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True, render_item=_plain)
with context.begin_transaction():
    context.run_migrations()
