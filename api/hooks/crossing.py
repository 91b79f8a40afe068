"""Browsers at other addresses may call the CDS Hooks services, where the operator names them; nothing else of ours (CORS)."""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.hooks.signing import ROOT

__all__ = ["ROOT", "Crossing"]


class Crossing:
    """``origins``: such as ``https://ehr.example``."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self.app = app
        self.crossed = CORSMiddleware(
            app, allow_origins=list(origins), allow_methods=["GET", "POST"], allow_headers=["Authorization", "Content-Type"]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path == ROOT or path.startswith(f"{ROOT}/"))
        await (self.crossed if ours else self.app)(scope, receive, send)
