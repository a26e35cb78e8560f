"""The voices that speak the training material: language, phone set, licence. See README.md for the licence texts' places."""

from dataclasses import dataclass
from typing import Final

from training.symbol_tables import CATALAN, CZECH, ENGLISH, FINNISH, ITALIAN


@dataclass(frozen=True)
class FestivalVoice:
    """A voice of Festival as Debian packages it."""

    name: str
    package: str
    locale: str
    encoding: str
    """Of the text that it reads."""
    symbols: dict[str, str]
    """Its phone names as IPA."""


FESTIVAL_VOICES: Final = (
    FestivalVoice("cmu_us_slt_arctic_hts", "festvox-us-slt-hts", "en", "ascii", ENGLISH),
    FestivalVoice("kal_diphone", "festvox-kallpc16k", "en", "ascii", ENGLISH),
    FestivalVoice("ked_diphone", "festvox-kdlpc16k", "en", "ascii", ENGLISH),
    FestivalVoice("lp_diphone", "festvox-italp16k", "it", "iso-8859-1", ITALIAN),
    FestivalVoice("pc_diphone", "festvox-itapc16k", "it", "iso-8859-1", ITALIAN),
    FestivalVoice("suo_fi_lj_diphone", "festvox-suopuhe-lj", "fi", "iso-8859-1", FINNISH),
    FestivalVoice("hy_fi_mv_diphone", "festvox-suopuhe-mv", "fi", "iso-8859-1", FINNISH),
    FestivalVoice("upc_ca_ona_hts", "festvox-ca-ona-hts", "ca", "iso-8859-1", CATALAN),
    FestivalVoice("czech_dita", "festvox-czech-dita", "cs", "iso-8859-2", CZECH),
    FestivalVoice("czech_krb", "festvox-czech-krb", "cs", "iso-8859-2", CZECH),
    FestivalVoice("czech_machac", "festvox-czech-machac", "cs", "iso-8859-2", CZECH),
    FestivalVoice("czech_ph", "festvox-czech-ph", "cs", "iso-8859-2", CZECH),
)

FLITE_VOICES: Final = ("kal16", "awb", "rms", "slt")

# Variants of eSpeak NG that distort, whisper or race.
ESPEAK_LEFT_OUT: Final = ("Demonic", "UniRobot", "anikaRobot", "croak", "robosoft", "fast", "AnxiousAndy", "whisper", "Mr")
# Its data for these languages needs Chinese characters, which Debian's build spells out.
ESPEAK_UNREADABLE: Final = ("cmn", "yue", "hak")
MANDARIN: Final = "cmn-latn-pinyin"
ESPEAK_FAVOURED: Final = (
    *(MANDARIN,) * 4,
    *("en-us",) * 6,
    *("en-gb-x-rp", "es", "de", "fr-be", "it", "pt", "ru", "ja", "ko", "hi", "ar", "pl", "vi") * 2,
)

HELD_OUT_FESTIVAL: Final = frozenset({"ked_diphone", "suo_fi_lj_diphone"})
HELD_OUT_LANGUAGES: Final = frozenset({"sv", "tr", "el"})
"""Languages of eSpeak NG that are only heard in the evaluation."""
