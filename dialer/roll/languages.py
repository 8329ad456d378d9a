"""Names and codes of Indian languages, and the most common language of each state."""

from __future__ import annotations

LANGUAGES: dict[str, str] = {
    "as": "assamese, অসমীয়া", "bn": "bengali, bangla, বাংলা", "en": "english, अंग्रेजी", "gu": "gujarati, ગુજરાતી",
    "hi": "hindi, हिन्दी, हिंदी", "kn": "kannada, ಕನ್ನಡ", "ml": "malayalam, മലയാളം", "mr": "marathi, मराठी",
    "ne": "nepali, नेपाली", "or": "odia, oriya, ଓଡ଼ିଆ", "pa": "punjabi, panjabi, ਪੰਜਾਬੀ", "ta": "tamil, தமிழ்",
    "te": "telugu, తెలుగు", "ur": "urdu, اردو",
}  # fmt: skip
"""The names of each language by its ISO 639-1 code."""

_CODE_OF_NAME = {name.strip(): code for code, names in LANGUAGES.items() for name in (code, *names.split(","))}

# The most common language of each state, by Election Commission codes and two-letter codes.
_STATES: dict[str, str] = {
    "as": "S03 AS",
    "bn": "S23 TR S25 WB",
    "en": "S02 AR S15 ML S16 MZ S17 NL",
    "gu": "S06 GJ U03 U04 DN DD DH",
    "hi": "S04 BR S07 HR S08 HP S12 MP S20 RJ S24 UP S26 CG CT S27 JH S28 UK UT UA U01 AN U02 CH U05 DL",
    "kn": "S10 KA",
    "ml": "S11 KL U06 LD",
    "mr": "S05 GA S13 MH",
    "ne": "S21 SK",
    "or": "S18 OD OR",
    "pa": "S19 PB",
    "ta": "S22 TN U07 PY",
    "te": "S01 AP S29 TS TG",
    "ur": "S09 JK U08",
}
_LANGUAGE_OF_STATE = {state: code for code, states in _STATES.items() for state in states.split()}


def parse_language(text: str) -> str | None:
    """Return the ISO 639-1 code of a language that is given by code or name.

    "" = a blank text; None = an unknown language.
    """
    word = text.strip().casefold()
    return _CODE_OF_NAME.get(word) if word else ""


def get_main_language_of_state(state_code: str) -> str:
    """Return the most common language of a state (ISO 639-1), or "" if the state is unknown."""
    return _LANGUAGE_OF_STATE.get(state_code.upper(), "")
