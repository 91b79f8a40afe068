"""Coming in, staying in, and going out: nobody gets in by guessing, and nobody loses what they typed because a sign-in ended."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from pyotp import TOTP
from sqlalchemy import update

from api.console.forms import csrf_token
from records.accounts import NO_PASSWORD
from records.callers import hashed
from records.clock import system_time
from records.sign_in_limits import MOST_AT_ONE_LOGIN, MOST_FROM_ONE_SOURCE, source_of
from records.tables import Account, ApiKey, SecondFactor
from tests.api.conftest import Network
from tests.api.test_keys_and_accounts import GOOD, an_account, sign_in
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen

LOGIN = {"login": "zhou", "password": GOOD}


async def comes_in(network: Network, **form: str) -> httpx.Response:
    """The sign-in form is sent; the browser of ``network.http`` holds what comes back."""
    return await network.http.post("/sign-in", data={**LOGIN, **form})


def key_of(answer: httpx.Response) -> str:
    (kept,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("cairn_key=")]
    return kept.partition(";")[0].partition("=")[2]


async def sends(network: Network, path: str, key: str, **form: Any) -> httpx.Response:
    """A form of a page that was shown to whoever holds ``key``."""
    return await network.http.post(path, data={"csrf": csrf_token(key), **form}, headers={"Cookie": f"cairn_key={key}"})


async def ended(network: Network, key: str) -> None:
    """An hour goes by without a request."""
    row = ApiKey.hash == hashed(key)
    async with network.parts.database.begin() as session:
        long_ago = system_time() - network.parts.idle
        await session.execute(update(ApiKey).where(row).values(last_used=long_ago, created=long_ago))
    network.parts.keys.forget()


async def audited(network: Network) -> list[tuple[str, str, str, int]]:
    entries = (await network.get("/audit", "auditor", limit=100)).json()["items"]
    return [(one["action"], one["who"], one["record"], one["status"]) for one in entries]


async def test_somebody_comes_in_by_the_form_and_every_try_is_written_down(network: Network) -> None:
    account = (await an_account(network)).json()["id"]
    page = await network.http.get("/patients?search=x")
    assert (page.status_code, 'name="to" value="/patients?search=x"' in page.text) == (401, True)
    wrong, nobody = await comes_in(network, password="not this one at all"), await comes_in(network, login="li", password="x" * 12)
    assert (wrong.status_code, nobody.status_code) == (401, 401)
    assert wrong.text.replace("zhou", "li") == nobody.text, "nobody learns which logins there are"
    came = await comes_in(network, to="/patients?search=x")
    assert (came.status_code, came.headers["location"]) == (303, "/patients?search=x")
    cookie = came.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\tb"):
        assert (await comes_in(network, to=evil)).headers["location"] == "/today"
    elsewhere = await network.http.post("/sign-in", data=LOGIN, headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    entries = await audited(network)
    assert ("auth.sign_in", account, account, 303) in entries
    assert ("auth.sign_in", "outside", account, 401) in entries
    assert ("auth.sign_in", "outside", "unknown", 401) in entries
    assert "li" not in {record for _, _, record, _ in entries}, "what is no login may be a password"


async def test_a_key_in_an_address_leaves_it_at_once(network: Network) -> None:
    answer = await network.http.get("/", params={"key": "coordinator", "to": "/patients"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/patients")
    assert "HttpOnly" in answer.headers["set-cookie"]
    network.http.cookies.clear()
    for path in ("/today", "/admin", "/me", "/?key=wrong"):
        page = await network.http.get(path)
        assert (page.status_code, "Sign in" in page.text) == (401, True), path


async def test_one_address_keeps_nobody_out_and_does_not_guess_on(network: Network) -> None:
    await an_account(network)
    for _ in range(MOST_AT_ONE_LOGIN):
        assert (await sign_in(network, password="a guess that is wrong")).status_code == 401
    refused = await sign_in(network)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")
    page = await comes_in(network)
    assert (page.status_code, "Too many tries" in page.text) == (429, True)
    object.__setattr__(network.parts, "trust_forwarded", True)
    try:
        at_home = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        came = await network.http.post("/api/v1/sessions", json=LOGIN, headers=at_home)
        assert came.status_code == 201, "from where they are, the right password opens"
        for n in range(MOST_FROM_ONE_SOURCE):
            body = {"login": f"nobody{n}", "password": "x"}
            answer = await network.http.post("/api/v1/sessions", json=body, headers={"X-Forwarded-For": "2001:db8::1"})
            assert answer.status_code == 401
        at_once = await network.http.post("/api/v1/sessions", json=LOGIN, headers={"X-Forwarded-For": "2001:db8::2"})
        assert at_once.status_code == 429, "a subscriber has a whole /64"
    finally:
        object.__setattr__(network.parts, "trust_forwarded", False)
    assert source_of("::ffff:192.0.2.1") == "192.0.2.1"


async def a_second_factor(network: Network, key: str) -> tuple[TOTP, list[str]]:
    await sends(network, "/me/second-factor/begin", key)
    page = await network.http.get("/me/second-factor", headers={"Cookie": f"cairn_key={key}"})
    (secret,) = re.findall(r'class="secret">([A-Z2-7 ]+)<', page.text)
    device = TOTP(secret.replace(" ", ""))
    wrong = await sends(network, "/me/second-factor", key, code="000000")
    assert wrong.status_code == 422
    shown = await sends(network, "/me/second-factor", key, code=device.now())
    return device, re.findall(r"<li><code>([a-z2-9-]+)</code>", shown.text)


async def test_a_code_is_asked_for_opens_once_and_counts_when_it_is_wrong(network: Network) -> None:
    account = (await an_account(network)).json()["id"]
    key = key_of(await comes_in(network))
    device, recovery = await a_second_factor(network, key)
    assert len(set(recovery)) == 10
    step = await comes_in(network)
    assert (step.status_code, "cairn_key" in step.headers.get("set-cookie", "")) == (200, False)
    (carried,) = re.findall(r'name="step" value="([^"]+)"', step.text)
    second = {"step": carried, "login": "zhou", "password": ""}
    assert (await comes_in(network, **second, code=device.now())).status_code == 401, "the code that set it up was used"
    async with network.parts.database.begin() as session:
        await session.execute(update(SecondFactor).values(last_counter=0))
    assert (await comes_in(network, **second, code=device.now())).status_code == 303
    assert (await comes_in(network, **second, code=device.now())).status_code == 401, "a code opens once"
    assert (await comes_in(network, **second, code=recovery[0].upper())).status_code == 303
    assert (await comes_in(network, **second, code=recovery[0])).status_code == 401, "a recovery code, too"
    assert (await comes_in(network, step="bm90IG91cnM=", code=recovery[1])).status_code == 401
    assert (await sign_in(network)).json()["detail"].startswith("This account has a second factor")
    with_code = await network.post("/sessions", {**LOGIN, "code": recovery[2]}, "")
    assert with_code.status_code == 201
    for _ in range(MOST_AT_ONE_LOGIN):
        await comes_in(network, **second, code="123456")
    assert (await comes_in(network, **second, code=recovery[3])).status_code == 429, "nobody guesses six digits"
    async with network.parts.database.reading() as session:
        row = await session.get_one(SecondFactor, account)
        assert device.secret.encode() not in row.sealed
        assert recovery[3] not in str(row.recovery)
    stays = await sends(network, "/me/second-factor/off", key, password="not my password")
    assert stays.status_code == 422
    listed = (await network.get("/accounts", "administrator")).json()["items"]
    assert [one["second_factor"] for one in listed] == [True]
    reset = await network.http.delete(
        f"/api/v1/accounts/{account}/second-factor", headers={"Authorization": "Bearer administrator"}
    )
    assert reset.status_code == 204
    assert (await network.get("/me", key)).status_code == 401, "whoever holds a sign-in has to sign in anew"


async def test_a_role_that_takes_a_second_factor_sets_it_up_before_anything_else(network: Network) -> None:
    await an_account(network, role="coordinator", place="*")
    object.__setattr__(network.parts, "must_have_second", frozenset({"coordinator"}))
    try:
        came = await comes_in(network, to="/patients")
        key = key_of(came)
        assert came.headers["location"] == "/me/second-factor"
        assert (await network.get("/patients", key)).status_code == 403
        sent_back = await network.http.get("/patients", headers={"Cookie": f"cairn_key={key}"})
        assert (sent_back.status_code, sent_back.headers["location"]) == (303, "/me/second-factor")
        await a_second_factor(network, key)
        assert (await network.get("/patients", key)).status_code == 200
        off = await sends(network, "/me/second-factor/off", key, password=GOOD)
        assert off.status_code == 403
    finally:
        object.__setattr__(network.parts, "must_have_second", frozenset())


async def test_a_sign_in_ends_by_itself_and_a_page_that_asks_by_itself_does_not_keep_it(network: Network) -> None:
    await an_account(network)
    key, other = key_of(await comes_in(network)), key_of(await comes_in(network))
    nearly = system_time() - network.parts.idle * 0.9
    async with network.parts.database.begin() as session:
        await session.execute(update(ApiKey).where(ApiKey.hash == hashed(key)).values(last_used=nearly))
    network.parts.keys.forget()
    me = "/api/v1/me"
    by_itself = {"Authorization": f"Bearer {key}", "X-Cairn-Unattended": "1"}
    assert (await network.http.get(me, headers=by_itself)).status_code == 200
    async with network.parts.database.reading() as session:
        assert (await session.get_one(ApiKey, hashed(key))).last_used == nearly
    assert (await network.get("/me", key)).status_code == 200, "a person goes on"
    async with network.parts.database.reading() as session:
        assert ((await session.get_one(ApiKey, hashed(key))).last_used or nearly) > nearly
    page = await network.http.get("/me", headers={"Cookie": f"cairn_key={key}"})
    assert page.text.count('name="which"') == 2
    assert (await sends(network, "/me/sign-ins/end", key, which="others")).status_code == 303
    assert (await network.get("/me", other)).status_code == 401
    await ended(network, key)
    assert (await network.http.get(me, headers=by_itself)).status_code == 401
    assert (await network.get("/me", key)).status_code == 401
    assert (await network.get("/me", "manager")).status_code == 200, "a tool's key does not end so"


async def test_without_script_a_form_of_an_ended_sign_in_comes_back_to_its_person_alone(network: Network) -> None:
    await an_account(network)
    await an_account(network, login="li")
    key = key_of(await comes_in(network))
    await ended(network, key)
    typed = {"old": GOOD, "new": "<b>another</b> few words", "again": "<b>another</b> few words", "once": "1"}
    asked = await sends(network, "/me/password", key, **typed)
    assert asked.status_code == 401
    assert "another" not in asked.text, "what was typed waits sealed"
    (kept,) = re.findall(r'name="kept" value="([^"]+)"', asked.text)
    network.http.cookies.clear()
    stranger = await comes_in(network, login="li", kept=kept)
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/today")
    network.http.cookies.clear()
    again = await comes_in(network, kept=kept)
    assert again.status_code == 200
    assert "&lt;b&gt;another&lt;/b&gt; few words" in again.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', again.text))
    assert fields["csrf"] == csrf_token(key_of(again))
    sent = await sends(network, "/me/password", key_of(again), **typed)
    assert sent.status_code == 303
    assert (await sign_in(network, password=typed["new"])).status_code == 201


async def test_signing_out_is_a_form_of_ours_and_leaves_nothing_behind(network: Network) -> None:
    await an_account(network)
    key = key_of(await comes_in(network))
    mine = {"Cookie": f"cairn_key={key}"}
    assert (await network.http.post("/sign-out", headers=mine)).status_code == 403
    assert (await network.http.get("/sign-out", headers=mine)).status_code == 200
    assert (await network.get("/me", key)).status_code == 200, "a link ends nothing"
    out = await sends(network, "/sign-out", key)
    assert (out.status_code, out.headers["clear-site-data"]) == (200, '"storage"')
    assert (await network.get("/me", key)).status_code == 401
    await sends(network, "/sign-out", "manager")
    assert (await network.get("/me", "manager")).status_code == 200, "a tool's key is not signed out"


async def signs_in(page: Page) -> None:
    await page.get_by_label("Login").fill("zhou")
    await page.get_by_label("Password", exact=True).fill(GOOD)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def test_somebody_signs_in_sets_up_a_second_factor_and_uses_it(network: Network, browser: Browsing) -> None:
    await an_account(network)
    page = await browser.person()
    await page.goto("/me")
    browser.forgive("401")
    await accessible(page)
    await seen(page, "account-sign-in")
    await signs_in(page)
    await expect(page).to_have_url(f"{browser.url}/me")
    await accessible(page)
    await seen(page, "account-me")
    await page.get_by_role("link", name="Set it up").click()
    await page.get_by_role("button", name="Set it up").click()
    await expect(page.locator(".square svg")).to_be_visible()
    await accessible(page)
    await seen(page, "account-second-factor")
    secret = (await page.locator(".secret").text_content() or "").replace(" ", "")
    await page.get_by_label("Code").fill(TOTP(secret).now())
    await page.get_by_role("button", name="Turn it on").click()
    await expect(page.locator(".recovery code")).to_have_count(10)
    codes = await page.locator(".recovery code").all_inner_texts()
    assert len(codes) == 10
    await accessible(page)
    await seen(page, "account-recovery")
    await page.goto("/me")
    await page.locator("details.menu summary").click()
    await seen(page, "account-menu")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await signs_in(page)
    await expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    await accessible(page)
    await seen(page, "account-code")
    await page.keyboard.type(codes[0])
    await page.keyboard.press("Enter")
    await expect(page.locator("details.menu")).to_contain_text("Zhou Min")


async def test_a_sign_in_that_ends_while_somebody_writes_loses_nothing(network: Network, browser: Browsing) -> None:
    await an_account(network)
    page = await browser.person(viewport=PHONE)
    await page.goto("/me")
    browser.forgive("401")
    await signs_in(page)
    await fits(page)
    new = "five other words nobody guesses"
    for label, text in (("Your present password", GOOD), ("New password", new), ("The new one again", new)):
        await page.get_by_label(label).fill(text)
    (cookie,) = [one for one in await page.context.cookies() if one["name"] == "cairn_key"]
    await ended(network, cookie["value"])
    await page.get_by_role("button", name="Change password").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await accessible(page)
    await seen(page, "account-again")
    await dialog.get_by_label("Login").fill("zhou")
    await dialog.get_by_label("Password").fill("not my password")
    await dialog.get_by_role("button", name="Sign in and go on").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await dialog.get_by_label("Password").fill(GOOD)
    await dialog.get_by_role("button", name="Sign in and go on").click()
    await expect(page.get_by_text("You have another password.")).to_be_visible()
    browser.forgive("401")
    assert (await sign_in(network, password=new)).status_code == 201


async def test_another_person_who_signs_in_there_gets_a_page_of_their_own(network: Network, browser: Browsing) -> None:
    await an_account(network)
    await an_account(network, login="li", name="Li Na", role="supervisor", place="network")
    page = await browser.person()
    await page.goto("/me")
    await signs_in(page)
    await page.get_by_label("Your present password").fill("what zhou typed")
    (cookie,) = [one for one in await page.context.cookies() if one["name"] == "cairn_key"]
    await ended(network, cookie["value"])
    for label in ("New password", "The new one again"):
        await page.get_by_label(label).fill("x")
    await page.get_by_role("button", name="Change password").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Login").fill("li")
    await dialog.get_by_label("Password").fill(GOOD)
    await dialog.get_by_role("button", name="Sign in and go on").click()
    await expect(page.locator("details.menu")).to_contain_text("Li Na")
    browser.forgive("401")


async def test_an_account_of_a_provider_alone_has_no_second_factor_here(network: Network) -> None:
    account = (await an_account(network)).json()["id"]
    key = key_of(await comes_in(network))
    async with network.parts.database.begin() as session:
        await session.execute(update(Account).where(Account.id == account).values(password_hash=NO_PASSWORD))
    page = await network.http.get("/me", headers={"Cookie": f"cairn_key={key}"})
    assert "/me/second-factor" not in page.text
    assert (await sends(network, "/me/second-factor/begin", key)).status_code == 409


@pytest.mark.parametrize("key", ["manager", "hospital-1", "auditor"])
async def test_a_key_has_a_page_and_no_password(network: Network, key: str) -> None:
    page = await network.http.get("/me", headers={"Cookie": f"cairn_key={key}"})
    assert (page.status_code, "/me/password" in page.text) == (200, False)
    assert (await sends(network, "/me/second-factor/begin", key)).status_code == 409
