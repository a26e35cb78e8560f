"""Sentences to synthesise, made from public names and numbers: no corpus is needed, every language has some."""

import random
import re
from functools import cached_property
from pydoc_data import topics
from typing import Final

_LONGEST_PSEUDO_WORD: Final = 12
_FEWEST_NAMES: Final = 20
_ENGLISH_PROSE_SHARE: Final = 0.6
_LABIAL_SHARE: Final = 0.25
"""Of the sentences, those whose words all have a lip consonant: closures are short and would otherwise be rare."""

# Letters that stand for /p b m f v/ in the scripts that eSpeak NG reads.
_LABIAL_LETTERS: Final = frozenset(
    "pbmfv" + "пбмфв" + "πβμφ" + "պբմֆվ" + "პბმფვ" + "पफबभमव" + "পফবভম" + "பம" + "పఫబభమవ" + "ಪಬಮವ" + "ബപമവ" + "ببپفم"
)

_INITIALS: Final = re.findall(r"\w+", "b p m f d t n l g k h j q x zh ch sh r z c s y w")
_FINALS: Final = re.findall(
    r"\w+", "a o e ai ei ao ou an en ang eng ong i ia ie iao iu ian in iang ing u ua uo uai ui uan un uang"
)


class SentenceMaker:
    """Sentences in one language; the same words and generator state give the same sentences."""

    def __init__(self, words: list[str], prose: list[str], generator: random.Random) -> None:
        """`words` may be of several words each; `prose` are whole sentences, and may be empty."""
        self._random = generator
        self._words = words
        self._labial_words = [word for word in words if _is_labial(word)] or words
        self._prose = prose

    @cached_property
    def _successors(self) -> dict[str, list[str]]:
        """Letters that follow two letters in this language's words; ^ begins a word, $ ends it."""
        successors: dict[str, list[str]] = {}
        for name in self._words:
            for word in name.split():
                marked = f"^^{word.lower()}$"
                for i in range(len(marked) - 2):
                    successors.setdefault(marked[i : i + 2], []).append(marked[i + 2])
        return successors

    def pseudo_word(self) -> str:
        """A word that the language might have, by its letter trigrams."""
        state, word = "^^", ""
        while len(word) < _LONGEST_PSEUDO_WORD:
            letter = self._random.choice(self._successors[state])
            if letter == "$":
                break
            word += letter
            state = state[1] + letter
        return word

    def sentence(self) -> str:
        """Three to eight names, pseudo-words and numbers, or (English) a sentence of prose."""
        choose = self._random
        if self._prose and choose.random() < _ENGLISH_PROSE_SHARE:
            return choose.choice(self._prose)
        names = self._labial_words if choose.random() < _LABIAL_SHARE else self._words
        words = []
        for _ in range(choose.randint(3, 8)):
            kind = choose.random()
            if kind < 0.1:
                word = str(int(10 ** choose.uniform(0, 6)))
            elif kind < 0.4 and names is self._words:
                word = self.pseudo_word()
            else:
                word = choose.choice(names)
            words.append(word + ("," if choose.random() < 0.15 else ""))
        return " ".join(words) + choose.choice("...?!")


def maker_for(locale: str, generator: random.Random) -> SentenceMaker:
    """Sentences in `locale`, as CLDR names it.

    Raises `babel.UnknownLocaleError`, or `ValueError` if CLDR has too few names in it.
    """
    words = cldr_names(locale)
    if len(words) < _FEWEST_NAMES:
        raise ValueError(f"CLDR has too few names in {locale}")
    return SentenceMaker(words, english_prose() if locale.startswith("en") else [], generator)


class PinyinMaker:
    """Random Mandarin syllables: eSpeak NG's Debian data spells Chinese characters out."""

    def __init__(self, generator: random.Random) -> None:
        self._random = generator

    def sentence(self) -> str:
        """Four to fourteen syllables with tones."""
        choose = self._random
        syllables = (
            choose.choice(_INITIALS) + choose.choice(_FINALS) + str(choose.randint(1, 4)) for _ in range(choose.randint(4, 14))
        )
        return " ".join(syllables) + "."


def cldr_names(locale: str) -> list[str]:
    """Names of languages, countries, scripts, currencies, months, days, time zones and units in `locale`, sorted."""
    from babel import Locale  # only the synthesis needs it

    names = Locale.parse(locale)
    found: set[object] = set()
    for table in (names.languages, names.territories, names.variants, names.scripts, names.currencies):
        found.update(table.values())
    for calendar in (names.months, names.days):
        for context in calendar.values():
            for width in context.values():
                found.update(name for name in width.values() if len(name) > 3)
    for zone in names.meta_zones.values():
        for width in zone.values():
            if isinstance(width, dict):
                found.update(width.values())
    found.update(zone["city"] for zone in names.time_zones.values() if "city" in zone)
    for unit in names.unit_display_names.values():
        found.update(unit.values())
    readable = {re.sub(r"[()\[\]{}/\\<>\"]+", " ", name).strip() for name in found if isinstance(name, str)}
    return sorted(name for name in readable if len(name) > 2 or (name and not name.isascii()))


def english_prose() -> list[str]:
    """Sentences of Python's own help topics (PSF licence, part of every Python)."""
    text = " ".join(topics.topics.values())
    text = re.sub(r"\s+", " ", re.sub(r"[^A-Za-z,.;?' \n]+", " ", text))
    sentences = re.split(r"(?<=[.?;])\s", text)
    return [s.strip() for s in sentences if 20 < len(s) < 160 and sum(letter.isupper() for letter in s) < 6]


def _is_labial(name: str) -> bool:
    return all(_LABIAL_LETTERS.intersection(word.lower()) for word in name.split() if len(word) > 3)
