"""People sign in at a provider of the network's own; nobody gets in by what a provider did not say, or said to somebody else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from api.console.forms import csrf_token
from api.oidc.provider import OpenIdProvider
from api.oidc.routes import CALLBACK, CARRIED, START
from tests.api.conftest import Network
from tests.api.elsewhere import Elsewhere, elsewhere, key_set, pair
from tests.api.test_keys_and_accounts import an_account, sign_in

OURS = "cairn-at-the-district"


@dataclass
class Provider:
    """An OpenID provider of our own. ``says``: claims that it puts instead of the right ones; None leaves one out."""

    at: Elsewhere
    network: Network
    says: dict[str, Any] = field(default_factory=dict)
    signs: Any = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.describes()
        self.at.answers["/jwks"] = (200, key_set(pair("ES256"), pair("RS384")))
        self.at.answers["/token"] = self._token

    def describes(self, **other: Any) -> None:
        said = {
            "issuer": self.at.url,
            "authorization_endpoint": f"{self.at.url}/authorize?tenant=1",
            "token_endpoint": f"{self.at.url}/token",
            "jwks_uri": f"{self.at.url}/jwks",
            **other,
        }
        self.at.answers["/.well-known/openid-configuration"] = (200, said)

    def _token(self, form: dict[str, str]) -> tuple[int, Any]:
        begun = self.codes.pop(form.get("code", ""), None)  # a code is used once
        if begun is None or form["redirect_uri"] != begun["redirect_uri"] or not _fits(form["code_verifier"], begun):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        right = {"iss": self.at.url, "sub": "zhou@id", "aud": OURS, "exp": now + 300, "iat": now, "nonce": begun["nonce"]}
        claims = {name: value for name, value in {**right, **self.says}.items() if value is not None}
        sign = self.signs or (lambda said: pair("ES256").signed(said))
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": sign(claims)}

    def signed_in(self, begun: dict[str, str]) -> str:
        """Somebody signs in there; the code with which the browser is sent back."""
        code = f"code-{len(self.codes)}-{begun['state'][:8]}"
        self.codes[code] = begun
        return code


def _fits(verifier: str, begun: dict[str, str]) -> bool:
    digest = jwt.utils.base64url_encode(sha256(verifier.encode()).digest()).decode()
    return begun["code_challenge_method"] == "S256" and digest == begun["code_challenge"]


@pytest.fixture
async def provider(network: Network) -> AsyncIterator[Provider]:
    async with elsewhere() as at:
        network.parts.keysets.within = ("127.0.0.1",)
        set_up = OpenIdProvider(at.url, OURS, "a secret: of ours", "The District's sign-in")
        object.__setattr__(network.parts, "openid", set_up)
        yield Provider(at, network)


async def _begin(network: Network) -> tuple[dict[str, str], dict[str, str]]:
    """What the provider is asked, and the cookie that the browser carries."""
    answer = await network.http.get(START)
    assert answer.status_code == 303, answer.text
    to = urlsplit(answer.headers["location"])
    assert to.path == "/authorize"
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Secure", "Path=/auth/oidc"))
    network.http.cookies.clear()
    return {name: values[0] for name, values in parse_qs(to.query).items()}, {"Cookie": cookie.partition(";")[0]}


async def _back(network: Network, cookie: dict[str, str], **said: str) -> httpx.Response:
    answer = await network.http.get(CALLBACK, params=said, headers=cookie)
    network.http.cookies.clear()
    return answer


async def _sign_in(provider: Provider) -> httpx.Response:
    begun, cookie = await _begin(provider.network)
    return await _back(provider.network, cookie, state=begun["state"], code=provider.signed_in(begun))


async def _linked(network: Network, subject: str = "zhou@id", **body: Any) -> str:
    account = str((await an_account(network, **body)).json()["id"])
    answer = await network.post(f"/accounts/{account}/subjects", {"subject": subject}, "administrator")
    assert answer.status_code == 201, answer.text
    return account


async def sends(network: Network, path: str, key: str) -> httpx.Response:
    """A form of a page that was shown to whoever holds ``key``."""
    return await network.http.post(path, data={"csrf": csrf_token(key)}, headers={"Cookie": f"cairn_key={key}"})


async def test_somebody_signs_in_at_the_provider_works_and_signs_out(network: Network, provider: Provider) -> None:
    page = await network.http.get("/today")
    assert (page.status_code, START in page.text, "The District&#39;s sign-in" in page.text) == (401, True, True)
    account = await _linked(network)
    begun, cookie = await _begin(network)
    assert (begun["client_id"], begun["response_type"], begun["scope"]) == (OURS, "code", "openid")
    assert begun["redirect_uri"] == f"https://cairn.example{CALLBACK}"
    answer = await _back(network, cookie, state=begun["state"], code=provider.signed_in(begun))
    assert answer.status_code == 200, answer.text
    assert 'content="0;url=/today"' in answer.text
    _, form, headers = next(one for one in provider.at.asked if one[0] == "/token")
    assert headers["authorization"].startswith("Basic ")
    assert "client_secret" not in form
    (kept,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("cairn_key=")]
    assert all(word in kept for word in ("HttpOnly", "SameSite=strict", "Secure"))
    mine = {"Cookie": kept.partition(";")[0]}
    key = kept.partition(";")[0].partition("=")[2]
    assert (await network.http.get("/today", headers=mine)).status_code == 200
    me = (await network.get("/me", key)).json()
    assert (me["id"], me["role"], me["account"]) == (account, "health_manager", True)
    entries = (await network.get("/audit", "auditor")).json()["items"]
    assert ("auth.sign_in", account, account) in {(one["action"], one["who"], one["record"]) for one in entries}
    assert (await sends(network, "/sign-out", key)).status_code == 200
    assert (await network.get("/me", key)).status_code == 401
    await sends(network, "/sign-out", "manager")
    assert (await network.get("/me", "manager")).status_code == 200  # a tool's key is not signed out


async def test_nobody_gets_in_by_a_token_that_is_not_exactly_right(network: Network, provider: Provider, caplog: Any) -> None:
    await _linked(network)
    now, es, other = int(time.time()), pair("ES256"), pair("ES256", "stranger")
    hostile: dict[str, dict[str, Any]] = {
        "another's nonce": {"nonce": "of another sign-in"},
        "no nonce": {"nonce": None},
        "odd nonce": {"nonce": "\ud800"},
        "for another client": {"aud": "another"},
        "for several, and made for another": {"aud": [OURS, "another"], "azp": "another"},
        "for several, and nobody says for whom": {"aud": [OURS, "another"]},
        "of another issuer": {"iss": "https://evil.example"},
        "expired": {"exp": now - 120},
        "made long ago": {"iat": now - 3600},
        "made in a time to come": {"iat": now + 3600},
        "endless": {"exp": 1e300},
        "of nobody": {"sub": ""},
        "of nobody at all": {"sub": None},
        "of an odd body": {"sub": "zhou\u5b57"},
    }
    signers: dict[str, Any] = {
        "alg none": lambda said: jwt.encode(said, None, algorithm="none"),
        "by a stranger": other.signed,
        "by a stranger in our name": lambda said: jwt.encode(said, other.private, "ES256", headers={"kid": es.kid}),
        "by a shared secret": lambda said: jwt.encode(said, "a secret: of ours, which is long enough for HMAC", "HS256"),
        "no token": lambda said: "x.y.z",
        "nothing": lambda said: None,
    }
    for what in (*hostile, *signers):
        provider.says, provider.signs = hostile.get(what, {}), signers.get(what)
        answer = await _sign_in(provider)
        assert (answer.status_code, "cairn_key=" in str(answer.headers)) == (400, False), what
        assert "try again" in answer.text, what
    assert "zhou@id" not in caplog.text
    for alg in ("RS384", "ES256"):  # any key that the provider publishes
        provider.says, provider.signs = {}, pair(alg).signed
        assert (await _sign_in(provider)).status_code == 200


async def test_a_sign_in_works_once_and_in_the_browser_that_began_it(network: Network, provider: Provider) -> None:
    await _linked(network)
    begun, cookie = await _begin(network)
    other_begun, other_cookie = await _begin(network)
    code = provider.signed_in(begun)
    for what, carried, said in (
        ("no cookie", {}, {"state": begun["state"], "code": code}),
        ("somebody else's browser", other_cookie, {"state": begun["state"], "code": code}),
        ("no state", cookie, {"code": code}),
        ("a made-up cookie", {"Cookie": f"{CARRIED}=AAAA"}, {"state": begun["state"], "code": code}),
        (
            "the answer of another provider",
            other_cookie,
            {"state": other_begun["state"], "code": code, "iss": "https://evil.example"},
        ),
    ):
        answer = await _back(network, carried, **said)
        assert answer.status_code == 400, what
    assert provider.at.count("/token") == 0
    assert (await _back(network, cookie, state=begun["state"], code=code, iss=provider.at.url)).status_code == 200
    again = await _back(network, cookie, state=begun["state"], code=code)
    assert (again.status_code, "used before" in again.text) == (400, True)
    begun, cookie = await _begin(network)
    assert (await _back(network, cookie, state=begun["state"], code=code)).status_code == 400  # a code of another sign-in
    begun, cookie = await _begin(network)
    refused = await _back(network, cookie, state=begun["state"], error="access_denied<script>")
    assert (refused.status_code, "access_denied" in refused.text) == (403, False)


async def test_a_provider_that_names_itself_must_and_one_that_lies_or_is_away_signs_nobody_in(
    network: Network, provider: Provider
) -> None:
    await _linked(network)
    moment = [1000.0]
    network.parts.keysets.seconds = lambda: moment[0]
    provider.describes(authorization_response_iss_parameter_supported=True)
    begun, cookie = await _begin(network)
    assert (await _back(network, cookie, state=begun["state"], code=provider.signed_in(begun))).status_code == 400
    for other in (
        {"issuer": "https://evil.example"},
        {"issuer": provider.at.url + "/"},
        {"authorization_endpoint": "javascript:x"},
    ):
        moment[0] += 4000
        provider.describes(**other)
        answer = await network.http.get(START)
        assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
    moment[0] += 4000
    provider.at.answers["/.well-known/openid-configuration"] = (500, {})
    assert (await network.http.get(START)).status_code == 503
    moment[0] += 4000
    provider.describes(token_endpoint_auth_methods_supported=["client_secret_post"])
    assert (await _sign_in(provider)).status_code == 200
    assert provider.at.asked[-2][1].get("client_secret", provider.at.asked[-1][1].get("client_secret")) == "a secret: of ours"
    provider.at.answers["/token"] = (502, {})
    assert (await _sign_in(provider)).status_code == 503
    object.__setattr__(network.parts, "openid", None)
    assert (await network.http.get(START)).status_code == 404
    assert START not in (await network.http.get("/today")).text


async def test_somebody_unknown_is_told_what_to_ask_for_and_a_closed_account_stays_closed(
    network: Network, provider: Provider
) -> None:
    unknown = await _sign_in(provider)
    assert (unknown.status_code, "cairn_key=" in str(unknown.headers)) == (403, False)
    assert all(word in unknown.text for word in ("administrator", "zhou@id", provider.at.url))
    account = await _linked(network, password=None)
    for password in ("", "None", "x" * 20):  # it has none
        assert (await sign_in(network, password=password)).status_code in (401, 422)
    address, key = f"/api/v1/accounts/{account}", {"Authorization": "Bearer administrator", "If-Match": "*"}
    closed = {"name": "Zhou Min", "role": "health_manager", "place": "team-1", "disabled": True}
    assert (await network.http.put(address, json=closed, headers=key)).status_code == 200
    answer = await _sign_in(provider)
    assert (answer.status_code, "closed" in answer.text) == (403, True)


async def test_an_email_links_a_login_only_where_that_is_wanted_verified_and_new(network: Network, provider: Provider) -> None:
    await an_account(network, login="zhou@clinic.example")
    provider.says = {"email": "Zhou@clinic.example", "email_verified": True}
    assert (await _sign_in(provider)).status_code == 403  # not wanted
    assert network.parts.openid is not None
    object.__setattr__(network.parts, "openid", replace(network.parts.openid, link_by_email=True))
    for says in ({"email_verified": None}, {"email_verified": "true"}, {"email_verified": False}, {"email": "li@clinic.example"}):
        right = provider.says
        provider.says = {**right, **says}
        assert (await _sign_in(provider)).status_code == 403, says
        provider.says = right
    assert (await _sign_in(provider)).status_code == 200
    entries = (await network.get("/audit", "auditor")).json()["items"]
    assert any(one["record"].endswith("linked by e-mail") for one in entries)
    provider.says = {"sub": "zhou@id", "email": "somebody.else@clinic.example", "email_verified": True}
    assert (await _sign_in(provider)).status_code == 200  # the subject is who they are, not the address
    provider.says = {"sub": "a new employee", "email": "zhou@clinic.example", "email_verified": True}
    assert (await _sign_in(provider)).status_code == 403  # who has the address next is not let into the account


async def test_an_administrator_links_and_unlinks_and_nobody_else_does(network: Network, provider: Provider) -> None:
    account = await _linked(network)
    path = f"/accounts/{account}/subjects"
    assert [row["subject"] for row in (await network.get(path, "administrator")).json()["items"]] == ["zhou@id"]
    assert (await network.post(path, {"subject": "zhou@id"}, "administrator")).status_code == 201
    other = str((await an_account(network, login="li")).json()["id"])
    taken = await network.post(f"/accounts/{other}/subjects", {"subject": "zhou@id"}, "administrator")
    assert (taken.status_code, "another account" in taken.json()["detail"]) == (409, True)
    assert (await network.post(path, {"subject": "x"}, "manager")).status_code == 403
    assert (await network.post("/accounts/unknown/subjects", {"subject": "x"}, "administrator")).status_code == 404
    answer = await _sign_in(provider)
    (key,) = [
        one.partition(";")[0].partition("=")[2] for one in answer.headers.get_list("set-cookie") if one.startswith("cairn_key=")
    ]
    signed = {"Authorization": "Bearer administrator"}
    gone = await network.http.delete(f"/api/v1{path}", params={"subject": "zhou@id"}, headers=signed)
    assert gone.status_code == 204
    assert (await network.get("/me", key)).status_code == 401
    assert (await _sign_in(provider)).status_code == 403
    again = await network.http.delete(f"/api/v1{path}", params={"subject": "zhou@id"}, headers=signed)
    assert again.status_code == 404
