"""What patients really text back, in four languages, and how it is understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.answers import read_answer

DIGITS_AND_WORDS = [
    ("en", "1", "confirm"), ("zh-Hans", "１", "confirm"), ("en", " 1. ", "confirm"), ("en", "1!", "confirm"),
    ("en", "1 I will come", "confirm"), ("en", "Reply 1", "confirm"), ("en", "1 please", "confirm"),
    ("en", "1️⃣", "confirm"), ("en", "Yes", "confirm"), ("en", "OK, thanks", "confirm"),
    ("zh-Hans", "回复1", "confirm"), ("zh-Hans", "1，会来", "confirm"), ("zh-Hans", "好的", "confirm"),
    ("zh-Hans", "好的，谢谢！", "confirm"), ("zh-Hant", "1 會來", "confirm"), ("zh-Hant", "確認", "confirm"),
    ("es", "Sí", "confirm"), ("es", "1 gracias", "confirm"), ("es", "vale", "confirm"),
    ("en", "2", "another_day"), ("zh-Hans", "２", "another_day"), ("en", "2 another day", "another_day"),
    ("zh-Hans", "2改天", "another_day"), ("zh-Hant", "改期", "another_day"), ("es", "2 otro día", "another_day"),
    ("es", "Otro dia por favor", "another_day"),
    ("en", "STOP", "stop"), ("en", "stop.", "stop"), ("en", "Please stop", "stop"), ("en", "UNSUBSCRIBE", "stop"),
    ("en", "End", "stop"), ("en", "QUIT", "stop"), ("en", "cancel", "stop"), ("en", "Don’t text me", "stop"),
    ("zh-Hans", "停", "stop"), ("zh-Hans", "停止", "stop"), ("zh-Hans", "TD", "stop"), ("zh-Hans", "ＴＤ", "stop"),
    ("zh-Hans", "回复TD退订", "stop"), ("zh-Hans", "我要退订短信", "stop"), ("zh-Hans", "不要再发了", "stop"),
    ("zh-Hant", "退訂", "stop"), ("zh-Hant", "停止發送", "stop"),
    ("es", "BAJA", "stop"), ("es", "Alto", "stop"), ("es", "quiero darme de baja", "stop"),
    ("es", "no más mensajes", "stop"),
    ("en", "START", "start"), ("en", "unstop", "start"), ("zh-Hans", "恢复", "start"), ("zh-Hant", "恢復", "start"),
    ("es", "ALTA", "start"),
    # Words a person has to read.
    ("en", "1 or 2?", "text"), ("en", "1 but can I come at 3", "text"), ("en", "1 month ago I fell", "text"),
    ("en", "Thank you doctor", "text"), ("en", "who is this", "text"), ("en", "", "text"), ("en", "???", "text"),
    ("en", "I stopped my tablets", "text"), ("en", "My sugar tablets finish in 3 days", "text"),
    ("en", "I took 2 tablets", "text"), ("en", "10/12", "text"), ("en", "can I come 10/12 at 9:30", "text"),
    ("zh-Hans", "停药了", "text"), ("zh-Hans", "我明天下午3点来可以吗", "text"), ("zh-Hans", "药吃完了", "text"),
    ("zh-Hant", "我換了電話", "text"), ("es", "no tengo pastillas", "text"), ("es", "llego a las 10:30", "text"),
    ("en", "call me on 07700 900123", "text"),
]  # fmt: skip

READINGS: list[tuple[str, str, dict[str, float]]] = [
    ("en", "150/95", {"sbp": 150, "dbp": 95}), ("en", "BP 150 95", {"sbp": 150, "dbp": 95}),
    ("en", "150 over 95", {"sbp": 150, "dbp": 95}), ("en", "My BP is 150/95 today", {"sbp": 150, "dbp": 95}),
    ("en", "bp:128/82 mmHg", {"sbp": 128, "dbp": 82}), ("en", "150 95", {"sbp": 150, "dbp": 95}),
    ("en", "150-95", {"sbp": 150, "dbp": 95}), ("en", "150 / 95", {"sbp": 150, "dbp": 95}),
    ("en", "sys 150 dia 95", {"sbp": 150, "dbp": 95}), ("en", "BP 150/95 pulse 72", {"sbp": 150, "dbp": 95}),
    ("zh-Hans", "血压 150 95", {"sbp": 150, "dbp": 95}), ("zh-Hans", "血压１５０／９５", {"sbp": 150, "dbp": 95}),
    ("zh-Hans", "高压150低压95", {"sbp": 150, "dbp": 95}), ("zh-Hans", "今早血压是138/88", {"sbp": 138, "dbp": 88}),
    ("zh-Hans", "血压138，88", {"sbp": 138, "dbp": 88}), ("zh-Hans", "收缩压 142 舒张压 90", {"sbp": 142, "dbp": 90}),
    ("zh-Hant", "血壓 150/95", {"sbp": 150, "dbp": 95}), ("zh-Hant", "上壓150 下壓95", {"sbp": 150, "dbp": 95}),
    ("es", "presión 150/95", {"sbp": 150, "dbp": 95}), ("es", "150 sobre 95", {"sbp": 150, "dbp": 95}),
    ("es", "Mi tensión es 135 con 85", {"sbp": 135, "dbp": 85}),
    ("en", "GLU 7.8", {"other_glucose": 7.8}), ("en", "7.8", {"other_glucose": 7.8}),
    ("en", "7,8", {"other_glucose": 7.8}), ("en", "sugar 140", {"other_glucose": 7.8}),
    ("en", "glucose 126 mg/dL", {"other_glucose": 7.0}), ("en", "fasting sugar 6.5", {"fpg": 6.5}),
    ("en", "FBS 126", {"fpg": 7.0}), ("en", "7.8 mmol/L", {"other_glucose": 7.8}), ("en", "6.1 fasting", {"fpg": 6.1}),
    ("en", "sugar was 7.8 at 7:30", {"other_glucose": 7.8}),
    ("zh-Hans", "血糖7.8", {"other_glucose": 7.8}), ("zh-Hans", "血糖７．８", {"other_glucose": 7.8}),
    ("zh-Hans", "空腹血糖6.5", {"fpg": 6.5}), ("zh-Hans", "空腹6.5 餐后血糖9.8", {"fpg": 6.5, "other_glucose": 9.8}),
    ("zh-Hans", "血糖6.5（空腹）", {"fpg": 6.5}), ("zh-Hant", "空腹血糖 6.5", {"fpg": 6.5}),
    ("es", "azúcar 140", {"other_glucose": 7.8}), ("es", "glucosa en ayunas 110", {"fpg": 6.1}),
    ("es", "glucosa 7,8", {"other_glucose": 7.8}), ("es", "110 en ayunas", {"fpg": 6.1}),
    ("zh-Hans", "血压150/95 血糖7.8", {"sbp": 150, "dbp": 95, "other_glucose": 7.8}),
]  # fmt: skip

SLIPS = [
    ("en", "1500/95"), ("en", "15/95"), ("en", "BP 95/150"), ("en", "BP 400/95"), ("en", "GLU 78 mmol/L"),
    ("en", "GLU 0.5"), ("en", "GLU 900"), ("en", "glucose 7.8 mg/dl"), ("en", "120"), ("zh-Hans", "血糖 34.5"),
    ("zh-Hans", "血压 15 95"), ("zh-Hant", "高壓 20"), ("es", "12 con 8"), ("es", "presión 14/9"),
]  # fmt: skip

DANGER = [
    ("en", "I have chest pain", "chest_pain"), ("en", "Can’t breathe", "breathless"), ("en", "I fainted", "fainted"),
    ("en", "no chest pain", "chest_pain"), ("en", "STOP chest pain", "chest_pain"),
    ("zh-Hans", "胸痛", "chest_pain"), ("zh-Hans", "我爸呼吸困难", "breathless"), ("zh-Hans", "昨天晕倒了", "fainted"),
    ("zh-Hant", "呼吸困難", "breathless"), ("zh-Hant", "暈倒", "fainted"),
    ("es", "Tengo dolor de pecho", "chest_pain"), ("es", "no puedo respirar", "breathless"),
    ("es", "me desmayé", "fainted"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "kind"), DIGITS_AND_WORDS)
def test_a_short_answer_is_understood_or_left_to_a_person(language: str, text: str, kind: str) -> None:
    answer = read_answer(text, language=language)

    assert (answer.kind, dict(answer.readings), answer.danger, answer.ask_again) == (kind, {}, (), False)


@pytest.mark.parametrize(("language", "text", "readings"), READINGS)
def test_a_reading_is_taken_as_it_was_meant(language: str, text: str, readings: dict[str, float]) -> None:
    answer = read_answer(text, language=language)

    assert (answer.kind, dict(answer.readings), answer.ask_again) == ("reading", readings, False)


@pytest.mark.parametrize(("language", "text"), SLIPS)
def test_a_slip_of_the_finger_is_asked_for_again(language: str, text: str) -> None:
    answer = read_answer(text, language=language)

    assert (answer.kind, dict(answer.readings), answer.ask_again) == ("reading", {}, True)


@pytest.mark.parametrize(("language", "text", "sign"), DANGER)
def test_a_danger_word_wins_over_everything(language: str, text: str, sign: str) -> None:
    answer = read_answer(text, language=language)

    assert (answer.kind, answer.danger) == ("danger", (sign,))


def test_a_reading_beside_a_danger_word_is_kept() -> None:
    answer = read_answer("BP 210/120 and chest pain", language="en")

    assert (answer.kind, dict(answer.readings)) == ("danger", {"sbp": 210, "dbp": 120})


@given(st.text(max_size=200), st.sampled_from(["en", "zh-Hans", "zh-Hant", "es", "fr"]))
def test_no_text_is_too_strange_to_read(text: str, language: str) -> None:
    read_answer(text, language=language)
