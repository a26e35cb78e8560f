"""What a text looks like on the lips: letters -> visemes, for alphabets whose letters tell it.

Not a pronunciation: vowels are only roughly known, and letters may be silent. But p b m close the lips and f v meet the teeth
in nearly every language that is written in Latin, Greek or Cyrillic letters, and those are what the eye checks. Other scripts
give nothing.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from spark_avatar.speech.visemes import VISEMES

VOWELS: Final = ("aa", "E", "ih", "oh", "ou")
NUMBER: Final = "number"
"""In place of a viseme: a number in figures, whose sounds its digits do not tell."""
_FIGURES: Final = re.compile(r"\d(?:[\d.,:]*\d)?")
_NUMBER_WORD: Final = "#"


@dataclass(frozen=True)
class Sound:
    """One expected viseme, or `NUMBER`: any number of unknown ones."""

    viseme: str
    certain: bool = True
    """Whether it is surely spoken; others may be silent."""
    starts_word: bool = False


# Longest first. Silent or doubtful letters stand in lower-case brackets: (E).
_GRAPHEMES: Final[dict[str, tuple[str, ...]]] = {
    "tsch": ("CH",),
    "sch": ("CH",),
    "tch": ("CH",),
    "mph": ("PP", "FF"),
    "ough": ("oh",),
    "igh": ("aa", "ih"),
    "ch": ("CH",),
    "sh": ("CH",),
    "ph": ("FF",),
    "pf": ("PP", "FF"),
    "th": ("TH",),
    "wh": ("ou",),
    "ck": ("kk",),
    "gh": ("(kk)",),
    "ng": ("nn",),
    "qu": ("kk", "(ou)"),
    "kn": ("(kk)", "nn"),
    "oo": ("ou",),
    "ou": ("ou",),
    "ow": ("oh", "ou"),
    "oi": ("oh", "ih"),
    "oy": ("oh", "ih"),
    "ee": ("ih",),
    "ea": ("ih",),
    "ie": ("ih",),
    "ei": ("aa", "ih"),
    "ai": ("E", "ih"),
    "ay": ("E", "ih"),
    "au": ("oh",),
    "eu": ("ou",),
    "pp": ("PP",),
    "bb": ("PP",),
    "mm": ("PP",),
    "mb": ("PP",),
    "mp": ("PP",),
    "ff": ("FF",),
    "a": ("aa",),
    "b": ("PP",),
    "c": ("kk",),
    "d": ("DD",),
    "e": ("(E)",),
    "f": ("FF",),
    "g": ("kk",),
    "h": ("(kk)",),
    "i": ("ih",),
    "j": ("CH",),
    "k": ("kk",),
    "l": ("nn",),
    "m": ("PP",),
    "n": ("nn",),
    "o": ("oh",),
    "p": ("PP",),
    "q": ("kk",),
    "r": ("(RR)",),
    "s": ("SS",),
    "t": ("DD",),
    "u": ("ou",),
    "v": ("FF",),
    "w": ("ou",),
    "x": ("kk", "SS"),
    "y": ("ih",),
    "z": ("SS",),
    "ß": ("SS",),
    "þ": ("TH",),
    "ð": ("TH",),
    "æ": ("E",),
    "ø": ("ou",),
    "ł": ("ou",),
    "ı": ("ih",),
}
_SOFT_C: Final = "eiy"
_LONGEST: Final = max(map(len, _GRAPHEMES))

_CYRILLIC: Final = "аa бb вv гg дd еe ёo жsh зz иi йi кk лl мm нn оo пp рr сs тt уu фf хh цz чch шsh щsh ыi эe юu яa іi їi єe ґg"
_GREEK: Final = "αa βv γg δth εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs ςs τt υi φf χh ψps ωo"
_AS_LATIN: Final = {pair[0]: pair[1:] for pair in f"{_CYRILLIC} {_GREEK}".split()}
"""Each letter with the Latin ones that look the same when spoken."""


def sounds_of_text(text: str) -> list[Sound]:
    """The visemes that a text should show, in order, and its numbers; empty for scripts whose letters do not tell."""
    return [sound for word in _words(text) for sound in _sounds_of_word(word)]


def _words(text: str) -> list[str]:
    # Accents change little on the lips: they are taken off, except where they make another letter.
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(letter))
    latin = "".join(_AS_LATIN.get(letter, letter) for letter in plain)
    letters = "".join(letter if letter in _GRAPHEMES or letter.isdecimal() or letter in ".,:'’" else " " for letter in latin)
    told = _FIGURES.sub(f" {_NUMBER_WORD} ", letters)
    return re.sub(r"[.,:\d]", " ", told).replace("'", "").replace("’", "").split()


def _sounds_of_word(word: str) -> list[Sound]:
    if word == _NUMBER_WORD:
        return [Sound(NUMBER, starts_word=True)]
    visemes: list[str] = []
    position = 0
    while position < len(word):
        length = next(size for size in range(_LONGEST, 0, -1) if word[position : position + size] in _GRAPHEMES)
        grapheme = word[position : position + length]
        position += length
        if grapheme == "c" and word[position : position + 1] and word[position] in _SOFT_C:
            visemes.append("SS")
        else:
            visemes += _GRAPHEMES[grapheme]
    sounds = [Sound(viseme.strip("()"), certain=not viseme.startswith("(")) for viseme in visemes]
    assert all(sound.viseme in VISEMES for sound in sounds)
    return [Sound(one.viseme, one.certain, starts_word=index == 0) for index, one in enumerate(sounds)]
