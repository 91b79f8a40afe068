"""What is sealed stays sealed: for another person, for another purpose, under another master key, and once forgotten."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.vault import BadMasterKey, Vault, WrongKey, fold, searchable

VAULT = Vault(bytes(range(32)))
OTHER = Vault(bytes(range(1, 33)))


@given(st.text(max_size=12), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8) | st.none(), max_size=4))
def test_what_was_sealed_opens_as_it_was(purpose: str, value: dict[str, object]) -> None:
    person, wrapped = VAULT.new_person("p1")
    assert VAULT.person("p1", wrapped).open(purpose, person.seal(purpose, value)) == value


def test_a_sealed_value_moved_to_another_purpose_or_person_does_not_open() -> None:
    one, wrapped = VAULT.new_person("p1")
    two, _ = VAULT.new_person("p2")
    sealed = one.seal("profile", {"family": "Li"})
    with pytest.raises(WrongKey):
        one.open("state", sealed)
    with pytest.raises(WrongKey):
        two.open("profile", sealed)
    with pytest.raises(WrongKey):
        VAULT.person("p2", wrapped)


def test_another_master_key_opens_nothing() -> None:
    _, wrapped = VAULT.new_person("p1")
    with pytest.raises(WrongKey, match="another master key"):
        OTHER.person("p1", wrapped)
    assert VAULT.token("name", "li") != OTHER.token("name", "li")
    assert VAULT.name != OTHER.name


def test_the_same_value_sealed_twice_looks_different() -> None:
    person, _ = VAULT.new_person("p1")
    assert person.seal("profile", "x") != person.seal("profile", "x")


def test_a_key_never_shows_in_a_repr() -> None:
    person, _ = VAULT.new_person("p1")
    assert repr(person.key) not in repr(person)
    assert repr(VAULT.master) not in repr(VAULT)


@pytest.mark.parametrize(
    ("text", "said"),
    [("not base64!", "not base64"), (base64.b64encode(b"short").decode(), "5 bytes; it needs 32"), ("", "0 bytes")],
)
def test_a_bad_master_key_is_refused_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(BadMasterKey, match=said) as refused:
        Vault.from_text(text)
    assert "cairn keys master" in str(refused.value)


def test_the_master_key_of_the_embedded_stack_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "master.key"
    first = Vault.at(file)
    assert Vault.at(file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("a", "b"), [("José", "JOSE"), ("Ｌｉ", "li"), ("Müller", "muller"), (" Anna ", "anna")])
def test_case_width_and_accents_do_not_matter_when_somebody_is_looked_for(a: str, b: str) -> None:
    assert fold(a) == fold(b)
    assert VAULT.token("name", a) == VAULT.token("name", b)


def test_a_chinese_name_is_found_by_surname_by_given_name_and_whole() -> None:
    assert {"王", "秀英", "王秀英"} <= set(searchable("王秀英"))


def test_a_long_word_is_found_by_its_beginnings_and_whole_but_not_by_one_letter() -> None:
    found = set(searchable("Anna-Wilhelminatherese"))
    assert {"an", "anna", "wil", "wilhelminatherese"} <= found
    assert not {"a", "w", "nna"} & found
