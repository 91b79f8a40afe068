"""A country's own way to reach a phone is added by installing a package, without a change of ours."""

from __future__ import annotations

import importlib
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.channels import registry
from activities.channels.port import Misconfigured, NotSigned, OutgoingSms, Webhook
from activities.channels.registry import Channels, NoSuchChannel, factory, known_names, open_channels
from activities.channels.sandbox import SandboxChannel

PIGEON = """
from pathlib import Path

from activities.channels.port import Heard, Misconfigured, NotFound, NotSigned, Receipt


class Pigeon:
    def __init__(self, opening):
        self.name, self.loft, self.token = opening.name, opening.home / "loft", opening.options["token"]
        self.closed = False

    async def send(self, sms):
        self.loft.write_text(f"{self.token} {sms.to} {sms.text}")
        return Receipt("feather-1", "accepted")

    async def find(self, sms):
        return NotFound()

    def hear(self, what, webhook):
        raise NotSigned("pigeons do not call")

    async def aclose(self):
        self.closed = True


def opens(opening):
    if "token" not in opening.options:
        raise Misconfigured("set PIGEON_TOKEN")
    return Pigeon(opening)


def renamed(opening):
    pigeon = opens(opening)
    pigeon.name = "dove"
    return pigeon
"""


async def now() -> datetime:
    return datetime(2026, 3, 2, 1, tzinfo=UTC)


def install(folder: Path, entry: str, *, package: str = "cairn_pigeon") -> None:
    """A wheel as pip unpacks it: the module, and the metadata that names its entry point."""
    (folder / f"{package}.py").write_text(PIGEON)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[cairn.channels]\n{entry}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for module in ("cairn_pigeon", "other_pigeon"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    importlib.invalidate_caches()
    return folder


async def test_a_package_with_a_channel_of_its_own_is_found_and_texts(site: Path, tmp_path: Path) -> None:
    install(site, "pigeon = cairn_pigeon:opens")
    channels = open_channels(("pigeon", "sandbox"), {"pigeon": {"token": "corn"}}, tmp_path, "https://cairn.example", now)
    assert "pigeon" in known_names()
    await channels["pigeon"].send(OutgoingSms("key", "attempt", "+8613800138000", "Visit on Friday"))
    assert (tmp_path / "loft").read_text() == "corn +8613800138000 Visit on Friday"
    with pytest.raises(NotSigned):
        channels["pigeon"].hear("status", Webhook("https://cairn.example", {}, {}, b""))
    await channels.aclose()
    assert channels["pigeon"].closed  # type: ignore[attr-defined]


async def test_two_installations_of_one_channel_go_by_their_own_names(site: Path, tmp_path: Path) -> None:
    install(site, "pigeon = cairn_pigeon:opens")
    options = {"north": {"plugin": "pigeon", "token": "corn"}, "south": {"plugin": "pigeon", "token": "rice"}}
    channels = open_channels(("south", "north"), options, tmp_path, "", now)
    assert [(channel.name, channel.token) for channel in channels] == [("south", "rice"), ("north", "corn")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("pigeon = cairn_pigeon:opens", "set PIGEON_TOKEN"),
        ("pigeon = cairn_pigeon:nothing", "cannot be loaded from cairn_pigeon:nothing .AttributeError"),
        ("pigeon = not_there_at_all:opens", "cannot be loaded from not_there_at_all:opens .ModuleNotFoundError"),
        ("dove = cairn_pigeon:opens", "there is no channel 'pigeon'; use some of: dove, gateway, sandbox, twilio, whatsapp"),
    ],
)
def test_a_package_that_does_not_work_is_said_before_anybody_is_texted(site: Path, tmp_path: Path, entry: str, remedy: str) -> None:
    install(site, entry)
    with pytest.raises(Misconfigured, match=remedy):
        open_channels(("pigeon",), {}, tmp_path, "", now)


def test_a_channel_keeps_the_name_that_records_know_it_by(site: Path, tmp_path: Path) -> None:
    install(site, "pigeon = cairn_pigeon:renamed")
    with pytest.raises(Misconfigured, match="calls itself 'dove'"):
        open_channels(("pigeon",), {"pigeon": {"token": "corn"}}, tmp_path, "", now)


def test_two_packages_with_one_name_are_refused_and_neither_is_guessed(site: Path) -> None:
    install(site, "pigeon = cairn_pigeon:opens")
    install(site, "pigeon = other_pigeon:opens", package="other_pigeon")
    with pytest.raises(Misconfigured, match=r"cairn-pigeon, other-pigeon"):
        factory("pigeon")


def test_no_package_takes_the_name_of_one_of_ours(site: Path) -> None:
    install(site, "twilio = cairn_pigeon:opens")
    assert factory("twilio").__module__ == "activities.channels.opening"


@pytest.mark.parametrize("name", ["Pigeon", "../pigeon", "", "pigeon post"])
def test_a_name_that_could_not_be_part_of_an_address_is_no_channel(name: str) -> None:
    with pytest.raises(NoSuchChannel):
        factory(name)


def test_a_person_is_reached_in_the_order_they_chose_and_never_left_without_any(tmp_path: Path) -> None:
    channels = Channels.of(_named(tmp_path, "sandbox"), _named(tmp_path, "whatsapp"), _named(tmp_path, "gateway"))
    assert channels.order_for(("whatsapp", "sandbox", "whatsapp")) == ("whatsapp", "sandbox"), "theirs, and no other"
    assert channels.order_for(("pigeon", "gateway")) == ("gateway",)
    assert channels.order_for(("pigeon",)) == channels.order_for(()) == ("sandbox", "whatsapp", "gateway")


def test_the_package_says_which_channels_it_carries() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"][registry.GROUP] == {name: entry.value for name, entry in registry.OURS.items()}


def _named(tmp_path: Path, name: str) -> SandboxChannel:
    channel = SandboxChannel(tmp_path / f"{name}.db", now=now)
    channel.name = name
    return channel
