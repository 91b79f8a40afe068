"""What hospitals and pharmacies were asked, and their answers; what they have, and when they are closed."""

from __future__ import annotations

from fastapi import APIRouter

from api.console.pages.inbox import closures, finding, listing, referral, refill, stock

router = APIRouter(include_in_schema=False)
for _part in (listing, finding, stock, closures, referral, refill):
    router.include_router(_part.router)
