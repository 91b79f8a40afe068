"""Keys are shown once and end when they should; people sign in with a password, and guessing it does not help."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from api.rights import rights_of
from records.accounts import Passwords, WeakPassword, checked
from records.callers import KEPT_FOR, KeyRing, hashed
from records.clock import system_time
from records.database import Database
from records.places import Subtree
from records.sign_ins import SignIns
from records.tables import Account, ApiKey
from records.vault import Vault
from tests.api.conftest import Network
from tests.api.test_network_places import a_key, delete, put

VAULT = Vault(bytes(32))
GOOD = "four words nobody guesses"
CLINIC = {"name": "inbox", "role": "clinic", "place": "hospital-1"}


async def made(network: Network, key: str = "administrator", **body: Any) -> dict[str, Any]:
    answer = await network.post("/keys", {**CLINIC, **body}, key)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_is_shown_once_and_opens_what_its_role_opens(network: Network) -> None:
    key = await made(network, expires_in_days=30)
    assert (await network.get("/referrals", key["key"])).status_code == 200
    assert (await network.get("/refills", key["key"])).status_code == 403
    listed = (await network.get("/keys", "administrator")).text
    assert key["id"] in listed
    assert key["key"] not in listed
    assert hashed(key["key"]) not in listed
    me = (await network.get("/me", key["key"])).json()
    assert (me["role"], me["place"], me["account"]) == ("clinic", "hospital-1", False)
    assert me["rights"] == list(rights_of("clinic"))


async def test_keys_are_listed_in_pages_without_the_tokens_of_people(network: Network) -> None:
    await signed_in(network)
    found: list[str] = []
    after = None
    while True:
        page = (await network.get("/keys", "administrator", limit=4, **({"after": after} if after else {}))).json()
        found += [row["name"] for row in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert len(found) == len(set(found)) == 15
    assert "zhou" not in found


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "wizard"}, "role"),
        ({"place": "nowhere"}, "place"),
        ({"place": "pharmacy-1"}, "place"),
        ({"role": "pharmacy"}, "place"),
        ({"role": "doctor"}, "place"),
        ({"rights": ["patients.read"]}, "rights"),
        ({"rights": []}, "body.rights"),
        ({"expires_in_days": 0}, "body.expires_in_days"),
    ],
)
async def test_a_key_that_does_not_fit_is_not_made_and_the_remedy_is_said(
    network: Network, body: dict[str, Any], field: str
) -> None:
    refused = await network.post("/keys", {**CLINIC, **body}, "administrator")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert refused.json()["errors"][0]["remedy"]


async def test_every_role_has_a_place_where_it_stands(network: Network) -> None:
    for role, place in (
        ("clinic", "*"), ("pharmacy", "pharmacy-1"), ("doctor", "team-1"), ("health_manager", "centre-1"),
        ("coordinator", "network"), ("administrator", "centre-1"), ("auditor", "*"), ("gateway", "*"),
    ):  # fmt: skip
        assert (await made(network, role=role, place=place))["role"] == role


async def test_a_key_may_have_some_of_its_roles_rights_only(network: Network) -> None:
    key = (await made(network, role="doctor", place="team-1", rights=["worklist.read", "self.read"]))["key"]
    assert (await network.get("/worklist", key)).status_code == 200
    assert (await network.get("/patients", key)).status_code == 403
    assert (await network.get("/me", key)).json()["rights"] == ["worklist.read", "self.read"]


async def test_nobody_hands_out_what_reaches_beyond_their_own_place(network: Network) -> None:
    centre = await a_key(network, "centre-admin", "administrator", "centre-1")
    assert (await made(network, centre, role="doctor", place="team-2"))["place"] == "team-2"
    for place in ("team-3", "centre-2", "network", "*"):
        body = {**CLINIC, "role": "coordinator", "place": place}
        assert (await network.post("/keys", body, centre)).status_code == 403, place
        account = {"login": "li", "role": "coordinator", "place": place, "password": GOOD}
        assert (await network.post("/accounts", account, centre)).status_code == 403, place
    assert (await delete(network, "/keys/key-foreign-manager", centre)).status_code == 404
    assert (await network.post("/keys/key-administrator/rotate", None, centre)).status_code == 404
    names = {row["name"] for row in (await network.get("/keys", centre)).json()["items"]}
    assert names == {"manager", "doctor", "other-manager", "centre-manager", "centre-admin", "inbox"}


async def test_a_limited_key_makes_no_key_of_its_role_that_may_more(network: Network) -> None:
    limited = (await made(network, role="administrator", place="*", rights=["keys.manage", "accounts.manage"]))["key"]
    whole = {"name": "x", "role": "administrator", "place": "*"}
    assert (await network.post("/keys", whole, limited)).status_code == 403
    assert (await network.post("/keys", {**whole, "rights": ["keys.manage", "clock.move"]}, limited)).status_code == 403
    assert (await network.post("/keys", {**whole, "rights": ["keys.manage"]}, limited)).status_code == 201
    assert (await network.post("/keys/key-administrator/rotate", None, limited)).status_code == 403
    account = {"login": "root", "role": "administrator", "place": "*", "password": GOOD}
    assert (await network.post("/accounts", account, limited)).status_code == 403
    assert (await network.post("/keys", CLINIC, limited)).status_code == 201


async def test_a_rotated_key_goes_on_until_every_tool_has_the_new_one(network: Network) -> None:
    old = await made(network, expires_in_days=100)
    answer = await network.post(f"/keys/{old['id']}/rotate", {"grace_hours": 2}, "administrator")
    new = answer.json()
    assert answer.status_code == 201
    assert (new["name"], new["role"], new["place"], new["rights"]) == ("inbox", "clinic", "hospital-1", None)
    assert new["id"] != old["id"]
    for key in (old, new):
        assert (await network.get("/referrals", key["key"])).status_code == 200
    rows = {row["id"]: row for row in (await network.get("/keys", "administrator")).json()["items"]}
    assert rows[old["id"]]["expires"] < rows[new["id"]]["expires"]
    at_once = await network.post(f"/keys/{new['id']}/rotate", {"grace_hours": 0}, "administrator")
    assert at_once.status_code == 201
    assert (await network.get("/referrals", new["key"])).status_code == 401
    assert (await network.post(f"/keys/{new['id']}/rotate", None, "administrator")).status_code == 409


async def test_a_revoked_key_opens_nothing_and_its_row_stays(network: Network) -> None:
    key = await made(network)
    assert (await network.get("/referrals", key["key"])).status_code == 200
    assert (await delete(network, f"/keys/{key['id']}")).status_code == 204
    assert (await network.get("/referrals", key["key"])).status_code == 401
    rows = {row["id"]: row for row in (await network.get("/keys", "administrator")).json()["items"]}
    assert rows[key["id"]]["revoked"]
    assert (await delete(network, "/keys/unknown")).status_code == 404


async def test_a_key_that_another_process_revoked_ends_within_seconds(network: Network) -> None:
    passed = 0.0
    ring: KeyRing = network.parts.keys
    ring.seconds = lambda: passed
    key = await made(network)
    assert (await network.get("/referrals", key["key"])).status_code == 200
    async with network.parts.database.begin() as session:
        await session.execute(update(ApiKey).where(ApiKey.id == key["id"]).values(expires=system_time()))
    passed = KEPT_FOR + 0.1
    assert (await network.get("/referrals", key["key"])).status_code == 401


async def test_a_key_request_sent_twice_makes_one_key(network: Network) -> None:
    first = await network.post("/keys", CLINIC, "administrator", Idempotency_Key="k")
    second = await network.post("/keys", CLINIC, "administrator", Idempotency_Key="k")
    assert (first.status_code, second.status_code) == (201, 409)
    assert first.json()["id"] in second.json()["detail"]


# --- accounts


async def an_account(network: Network, **body: Any) -> httpx.Response:
    whole = {"login": "zhou", "name": "Zhou Min", "role": "health_manager", "place": "team-1", "password": GOOD, **body}
    return await network.post("/accounts", whole, "administrator")


async def sign_in(network: Network, login: str = "zhou", password: str = GOOD) -> httpx.Response:
    return await network.post("/sessions", {"login": login, "password": password}, "")


async def signed_in(network: Network) -> str:
    assert (await an_account(network)).status_code in (201, 409)
    answer = await sign_in(network)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def test_somebody_signs_in_works_and_signs_out(network: Network) -> None:
    token = await signed_in(network)
    assert (await sign_in(network, "ZHOU")).status_code == 201, "case does not matter"
    me = (await network.get("/me", token)).json()
    assert (me["name"], me["role"], me["place"], me["account"]) == ("Zhou Min", "health_manager", "team-1", True)
    assert (await network.get("/worklist", token)).status_code == 200
    assert (await delete(network, "/sessions/current", token)).status_code == 204
    assert (await network.get("/worklist", token)).status_code == 401
    assert (await delete(network, "/sessions/current", "manager")).status_code == 409


async def test_a_wrong_password_and_an_unknown_login_look_alike(network: Network) -> None:
    await an_account(network)
    wrong, unknown = await sign_in(network, password="not the password at all"), await sign_in(network, "nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_an_unknown_login_costs_as_much_as_a_known_one(database: Database) -> None:
    compared: list[str | None] = []

    class Watched(Passwords):
        def _matches(self, stored: str | None, password: str) -> bool:
            compared.append(stored)
            return super()._matches(stored, password)

    assert await SignIns(database, Watched(), VAULT).sign_in("nobody", GOOD) is None
    assert compared == [None]
    nobodys = Passwords()
    assert not await nobodys.matches(None, GOOD)
    assert await nobodys.matches(await nobodys.hashed(GOOD), GOOD)


async def test_ten_failures_lock_an_account_for_a_quarter_of_an_hour_however_they_come(database: Database) -> None:
    now = system_time()
    passwords = Passwords()
    async with database.begin() as session:
        account = Account(id="a", login="zhou", password_hash=await passwords.hashed(GOOD), role="doctor", place="*", created=now)
        session.add(account)
    ways = [SignIns(database, passwords, VAULT, now=lambda: now) for _ in range(2)]
    await asyncio.gather(*(ways[n % 2].sign_in("zhou", "wrong") for n in range(9)))
    assert await ways[0].sign_in("zhou", GOOD) is not None, "nine are forgiven"
    await asyncio.gather(*(ways[n % 2].sign_in("zhou", "wrong") for n in range(10)))
    assert await ways[0].sign_in("zhou", GOOD) is None, "the tenth closes it"
    async with database.reading() as session:
        assert (await session.get_one(Account, "a")).failures == 10
    now += timedelta(minutes=16)
    assert await ways[0].sign_in("zhou", "wrong") is None
    assert await ways[0].sign_in("zhou", GOOD) is not None, "one failure after the lock does not lock it again"


async def test_hashing_does_not_hold_up_the_others(network: Network) -> None:
    turns = 0

    async def counting() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(counting())
    await Passwords().hashed(GOOD)
    ticking.cancel()
    assert turns > 10


@pytest.mark.parametrize("password", ["short", "zhouzhouzhou", "aaaaaaaaaaaaaaaa", "x" * 300])
async def test_a_password_that_is_guessed_at_once_is_not_taken(network: Network, password: str) -> None:
    refused = await an_account(network, password=password)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "password")
    assert refused.json()["errors"][0]["remedy"].startswith("take a")
    assert password not in refused.text
    with pytest.raises(WeakPassword):
        checked(password, login="zhou")


async def test_another_password_signs_everybody_else_out(network: Network) -> None:
    mine, other = await signed_in(network), await signed_in(network)
    new = "five other words nobody guesses"
    wrong = await network.post("/me/password", {"old": "wrong", "new": new}, mine)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "old")
    assert (await network.post("/me/password", {"old": GOOD, "new": "zhou"}, mine)).json()["errors"][0]["field"] == "new"
    assert (await network.post("/me/password", {"old": GOOD, "new": new}, mine)).status_code == 204
    assert (await network.get("/me", mine)).status_code == 200
    assert (await network.get("/me", other)).status_code == 401
    assert (await sign_in(network)).status_code == 401
    assert (await sign_in(network, password=new)).status_code == 201
    assert (await network.post("/me/password", {"old": GOOD, "new": new}, "manager")).status_code == 409


async def test_a_disabled_account_is_out_at_once_and_another_role_counts_at_once(network: Network) -> None:
    token = await signed_in(network)
    (row,) = (await network.get("/accounts", "administrator")).json()["items"]
    assert "password" not in row
    path = f"/accounts/{row['id']}"
    assert (await network.get(path, "administrator")).headers["etag"] == '"1"'
    change = {"name": "Zhou Min", "role": "doctor", "place": "team-2"}
    assert (await put(network, path, change)).status_code == 428
    changed = await put(network, path, change, If_Match='"1"')
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (await put(network, path, change, If_Match='"1"')).status_code == 412
    assert (await network.get("/me", token)).json()["place"] == "team-2"
    assert (await put(network, path, {**change, "place": "hospital-1"}, If_Match='"2"')).status_code == 422
    assert (await put(network, path, {**change, "disabled": True}, If_Match='"2"')).json()["disabled"]
    assert (await network.get("/me", token)).status_code == 401
    assert (await sign_in(network)).status_code == 401
    again = {**change, "password": "a password made by somebody else"}
    assert (await put(network, path, again, If_Match='"3"')).is_success
    assert (await sign_in(network, password="a password made by somebody else")).status_code == 201


async def test_two_accounts_of_one_login_are_not_made(network: Network) -> None:
    assert (await an_account(network)).status_code == 201
    assert (await an_account(network, login="Zhou")).status_code == 409
    async with network.parts.database.reading() as session:
        hashes = list(await session.scalars(select(Account.password_hash)))
    assert len(hashes) == 1
    assert hashes[0].startswith("$argon2id$")
    assert Passwords().hasher.memory_cost >= 65_536, "KiB: here it is made of less"


def test_everywhere_covers_what_is_not_there_yet() -> None:
    assert Subtree(frozenset(), frozenset(), everywhere=True).covers("new")
    assert not Subtree(frozenset({"a"}), frozenset()).covers("new")
