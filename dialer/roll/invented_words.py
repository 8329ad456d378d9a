"""Invented words for synthetic electoral rolls: the same syllables in Latin letters and in the script of an Indian
language.
"""

from __future__ import annotations

from collections.abc import Sequence

Syllable = tuple[str, str]
"""A consonant and a vowel, as keys of the tables below; the vowel is "" at the end of a word that ends in a consonant."""

_DEVANAGARI = 0x0900
_BLOCKS = {
    "hi": 0x0900, "mr": 0x0900, "bn": 0x0980, "as": 0x0980, "pa": 0x0A00, "gu": 0x0A80, "or": 0x0B00, "ta": 0x0B80,
    "te": 0x0C00, "kn": 0x0C80, "ml": 0x0D00,
}  # fmt: skip
_CONSONANTS = {
    "k": 0x15, "g": 0x17, "ch": 0x1A, "j": 0x1C, "t": 0x24, "d": 0x26, "n": 0x28, "p": 0x2A, "b": 0x2C, "m": 0x2E, "y": 0x2F,
    "r": 0x30, "l": 0x32, "v": 0x35, "s": 0x38, "h": 0x39,
}  # fmt: skip
_VOWELS = {"a": "", "aa": "\u093e", "i": "\u093f", "ii": "\u0940", "u": "\u0941", "e": "\u0947", "o": "\u094b", "": ""}
_LATIN_VOWELS = {"aa": "a", "ii": "i"}
_VIRAMA = 0x4D
_STAND_INS: dict[str, dict[str, int]] = {
    "bn": {"v": 0x2C},
    "as": {"r": 0x70, "v": 0x71},
    "ta": {"g": 0x15, "d": 0x24, "b": 0x2A},
}
_INSIDE_A_WORD: dict[str, dict[str, int]] = {"ta": {"n": 0x29}}
_FINAL_VIRAMA = frozenset({"ta", "te", "kn", "ml"})  # scripts that mark a final consonant as having no vowel
_URDU_CONSONANTS = dict(zip(_CONSONANTS, "کگچجتدنپبمیرلوسہ", strict=True))
_URDU_VOWELS = {"a": "", "aa": "ا", "i": "", "ii": "ی", "u": "", "e": "ے", "o": "و", "": ""}

CONSONANTS = tuple(_CONSONANTS)
VOWELS = ("a", "aa", "i", "ii", "u", "e", "o")


def spell_word_in_latin(syllables: Sequence[Syllable]) -> str:
    """Return an invented word in Latin letters, capitalised."""
    return "".join(consonant + _LATIN_VOWELS.get(vowel, vowel) for consonant, vowel in syllables).capitalize()


def spell_word_in_script(syllables: Sequence[Syllable], language: str) -> str:
    """Return an invented word in the script of `language` (ISO 639-1 code)."""
    if language == "ur":
        return _spell_word_in_urdu(syllables)
    block, stand_ins = _BLOCKS[language], _STAND_INS.get(language, {})
    letters: list[str] = []
    for consonant, vowel in syllables:
        letters.append(chr(block + stand_ins.get(consonant, _CONSONANTS[consonant])))
        stand_ins = _STAND_INS.get(language, {}) | _INSIDE_A_WORD.get(language, {})
        letters.extend(chr(ord(sign) - _DEVANAGARI + block) for sign in _VOWELS[vowel])
        if not vowel and language in _FINAL_VIRAMA:
            letters.append(chr(block + _VIRAMA))
    return "".join(letters)


def _spell_word_in_urdu(syllables: Sequence[Syllable]) -> str:
    letters = [_URDU_CONSONANTS[consonant] + _URDU_VOWELS[vowel] for consonant, vowel in syllables]
    # Bari ye (ے) is written only at the end of a word; inside it is ی.
    return "".join(letter.replace("ے", "ی") for letter in letters[:-1]) + letters[-1]


def convert_digits_to_script(text: str, language: str) -> str:
    """Return a text with its ASCII digits replaced by the digits of the script of `language`."""
    zero = 0x06F0 if language == "ur" else _BLOCKS[language] + 0x66
    return text.translate({ord("0") + value: chr(zero + value) for value in range(10)})
