"""What each sound of the IPA does to the mouth, and how the synthesisers' own symbols are read.

`aperture` is the gap between the inner lips that jaw and tongue position would give spread lips; rounding, the lower lip at
the teeth and a raised tongue are separate, and narrow what is seen (see `targets`). Values follow the descriptions of
phonetics textbooks (Ladefoged and Johnson, A Course in Phonetics) on a scale where an open `a` is about 1.
"""

from dataclasses import dataclass, replace
from typing import Final

from training.symbol_tables import AFFRICATES, ASCII_LETTERS

SILENCE: Final = "_"


@dataclass(frozen=True)
class Phone:
    """Articulation at the middle of a sound, 0..1 each."""

    aperture: float
    round: float = 0.0
    wide: float = 0.0
    close: float = 0.0
    labiodental: float = 0.0
    tongue: float = 0.0
    teeth: float = 0.0
    jaw_dominance: float = 1.0
    """How much the sound insists on its aperture against its neighbours."""
    lip_dominance: float = 1.0
    """The same for rounding and spread."""
    vowel: bool = False


def _vowel(aperture: float, round: float, wide: float) -> Phone:  # noqa: A002
    return Phone(aperture, round, wide, teeth=0.1, vowel=True)


_VOWELS: Final = {
    "i": _vowel(0.45, 0, 0.9),
    "y": _vowel(0.2, 0.9, 0.15),
    "ɪ": _vowel(0.5, 0, 0.65),
    "ʏ": _vowel(0.25, 0.75, 0.1),
    "e": _vowel(0.6, 0, 0.75),
    "ø": _vowel(0.35, 0.8, 0.1),
    "ɛ": _vowel(0.72, 0, 0.55),
    "œ": _vowel(0.45, 0.6, 0.1),
    "æ": _vowel(0.88, 0, 0.6),
    "a": _vowel(0.95, 0, 0.4),
    "ɐ": _vowel(0.75, 0, 0.3),
    "ɑ": _vowel(0.92, 0.05, 0.2),
    "ɒ": _vowel(0.6, 0.45, 0.1),
    "ʌ": _vowel(0.72, 0, 0.3),
    "ɔ": _vowel(0.48, 0.6, 0.05),
    "o": _vowel(0.36, 0.85, 0),
    "u": _vowel(0.17, 1, 0),
    "ʊ": _vowel(0.3, 0.65, 0.1),
    "ɯ": _vowel(0.4, 0.1, 0.45),
    "ɤ": _vowel(0.5, 0.1, 0.3),
    "ə": _vowel(0.5, 0.1, 0.3),
    "ɘ": _vowel(0.5, 0.1, 0.3),
    "ɜ": _vowel(0.5, 0.15, 0.3),
    "ɵ": _vowel(0.35, 0.6, 0.1),
    "ɨ": _vowel(0.42, 0.05, 0.5),
    "ᵻ": _vowel(0.42, 0.05, 0.5),
    "ʉ": _vowel(0.2, 0.85, 0.05),
    "ɚ": _vowel(0.42, 0.4, 0.1),
    "ɝ": _vowel(0.42, 0.4, 0.1),
    "ɞ": _vowel(0.45, 0.5, 0.1),
    "ɶ": _vowel(0.7, 0.4, 0.2),
}

_BILABIAL_STOP: Final = Phone(0.0, 0.1, 0.3, close=1.0, jaw_dominance=3.0, lip_dominance=0.25)
_LABIODENTAL: Final = Phone(0.15, 0.05, 0.35, labiodental=1.0, teeth=0.2, jaw_dominance=1.8, lip_dominance=0.4)
_GLOTTAL: Final = Phone(0.42, wide=0.35, teeth=0.1, jaw_dominance=0.2, lip_dominance=0.05)
_VELAR: Final = Phone(0.4, wide=0.4, tongue=0.1, teeth=0.1, jaw_dominance=0.35, lip_dominance=0.1)
_ALVEOLAR: Final = Phone(0.36, wide=0.45, tongue=0.8, teeth=0.5, jaw_dominance=0.7, lip_dominance=0.2)
_PALATAL: Final = Phone(0.4, wide=0.6, tongue=0.4, teeth=0.3, jaw_dominance=0.6, lip_dominance=0.3)
_SIBILANT: Final = Phone(0.32, wide=0.6, tongue=0.4, teeth=1.0, jaw_dominance=1.1, lip_dominance=0.5)
_HUSH: Final = Phone(0.32, 0.5, 0.25, tongue=0.3, teeth=1.0, jaw_dominance=1.1, lip_dominance=0.8)
_NASAL: Final = Phone(0.38, wide=0.4, tongue=0.8, teeth=0.3, jaw_dominance=0.55, lip_dominance=0.15)
_LATERAL: Final = Phone(0.42, wide=0.4, tongue=1.0, teeth=0.2, jaw_dominance=0.5, lip_dominance=0.15)
_TAP: Final = Phone(0.4, wide=0.4, tongue=0.8, teeth=0.2, jaw_dominance=0.5, lip_dominance=0.15)
_LABIAL_FRICATIVE: Final = Phone(0.12, 0.2, 0.3, close=0.45, labiodental=0.2, jaw_dominance=1.2, lip_dominance=0.3)
_ALVEOLO_PALATAL: Final = replace(_HUSH, round=0.2, wide=0.5, lip_dominance=0.6)
_RHOTIC: Final = Phone(0.38, 0.5, 0.15, tongue=0.3, teeth=0.3, jaw_dominance=0.7, lip_dominance=0.6)
_ROUNDED_GLIDE: Final = Phone(0.12, 1.0, jaw_dominance=1.2, lip_dominance=1.2)

_CONSONANT_GROUPS: Final = (
    ("pbmɓ", _BILABIAL_STOP),
    ("ɸβ", _LABIAL_FRICATIVE),
    ("fvɱ", _LABIODENTAL),
    ("ʋ", replace(_LABIODENTAL, aperture=0.22, labiodental=0.7, jaw_dominance=1.2)),
    ("θð", Phone(0.35, wide=0.4, tongue=1.0, teeth=0.3, jaw_dominance=0.8, lip_dominance=0.3)),
    ("tdʈɖɗ", _ALVEOLAR),
    ("ɾɽ", _TAP),
    ("r", Phone(0.38, 0.15, 0.3, tongue=0.6, teeth=0.3, jaw_dominance=0.5, lip_dominance=0.2)),
    ("cɟ", _PALATAL),
    ("çʝ", replace(_PALATAL, tongue=0.3, jaw_dominance=0.5)),
    ("kɡgqɠɢ", _VELAR),
    ("xɣɰχʁʀħʕɦhʔɴ", _GLOTTAL),
    ("szʦ", _SIBILANT),
    ("ʃʒʂʐɧ", _HUSH),
    ("ɕʑ", _ALVEOLO_PALATAL),
    ("nɳ", _NASAL),
    ("ɲ", replace(_NASAL, aperture=0.4, wide=0.6, tongue=0.5, lip_dominance=0.3)),
    ("ŋ", replace(_VELAR, aperture=0.42, jaw_dominance=0.3)),
    ("lɭɫɬɮʎʟ", _LATERAL),
    ("ɹɻ", _RHOTIC),
    ("j", Phone(0.42, wide=0.75, tongue=0.2, teeth=0.3, jaw_dominance=0.7, lip_dominance=0.6)),
    ("w", _ROUNDED_GLIDE),
    ("ɥ", replace(_ROUNDED_GLIDE, round=0.9, wide=0.1)),
)

# Between phrases the lips stay parted (filmed speakers: half a standard deviation under the mean gap of their speech).
_PAUSE: Final = Phone(0.2, wide=0.35, jaw_dominance=0.8, lip_dominance=0.3)

PHONES: Final[dict[str, Phone]] = {
    SILENCE: _PAUSE,
    **_VOWELS,
    **{symbol: phone for symbols, phone in _CONSONANT_GROUPS for symbol in symbols},
}

BILABIAL_STOPS: Final = frozenset("pbmɓ")

CLASSES: Final = (
    *("_", "pbmɓɸβ", "fvɱʋ", "θð", "tdʈɖɗcɟ", "kɡgqɠɢxɣχʁʀħʕɦhʔɴɰçʝ", "ʃʒʂʐɧɕʑ", "szʦ", "nɳɲŋ", "lɭɫɬɮʎʟ", "rɾɽ"),
    *("ɹɻɚɝ", "j", "wɥ", "i", "ɪᵻɨɯʏ", "e", "ɛ", "æ", "aɑɶ", "ʌɐ", "əɘɤɜ", "ɔɒ", "o", "uʉ", "ʊ", "yøœɵɞ"),
)
"""Classes of sounds that the network also tells apart; class 0 is silence."""

CLASS_OF: Final = {symbol: index for index, symbols in enumerate(CLASSES) for symbol in symbols}


def read_ipa(text: str) -> list[str]:
    """The sounds in a synthesiser's IPA symbol: `SILENCE` if it is empty, [] if nothing in it is known.

    Length, stress and tone marks, aspiration and a glottal onset are dropped; affricates become their release, whose
    closure does not show on the lips.
    """
    if text in ("", SILENCE):
        return [SILENCE]
    letters = [ASCII_LETTERS.get(letter, letter) for letter in text]
    known = [letter for letter in letters if letter in PHONES and letter != SILENCE]
    sounds: list[str] = []
    position = 0
    while position < len(known):
        pair = "".join(known[position : position + 2])
        if pair in AFFRICATES:
            sounds.append(AFFRICATES[pair])
            position += 2
            continue
        if not (known[position] == "h" and sounds):
            sounds.append(known[position])
        position += 1
    return sounds[1:] if len(sounds) > 1 and sounds[0] == "ʔ" else sounds
