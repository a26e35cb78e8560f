"""Phone sets of the synthesisers, as IPA."""

from typing import Final

# eSpeak NG leaves some sounds in its own ASCII notation.
ASCII_LETTERS: Final = {
    "S": "ʃ",
    "Z": "ʒ",
    "N": "ŋ",
    "A": "ɑ",
    "?": "ʔ",
    "E": "ɛ",
    "X": "χ",
    "ε": "ɛ",
    "O": "ɔ",
    "I": "ɪ",
    "U": "ʊ",
    "@": "ə",
}

AFFRICATES: Final = {
    "tʃ": "ʃ",
    "dʒ": "ʒ",
    "tɕ": "ɕ",
    "dʑ": "ʑ",
    "ʈʂ": "ʂ",
    "ɖʐ": "ʐ",
    "tʂ": "ʂ",
    "dʐ": "ʐ",
    "ts": "s",
    "dz": "z",
}


def _table(pairs: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs.split())


ENGLISH: Final = _table(
    "aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ b=b ch=tʃ d=d dh=ð dx=ɾ eh=ɛ el=l em=m en=n er=ɝ ey=eɪ f=f g=g hh=h hv=h "
    "ih=ɪ iy=i jh=dʒ k=k l=l m=m n=n ng=ŋ nx=n ow=oʊ oy=ɔɪ p=p r=ɹ s=s sh=ʃ t=t th=θ uh=ʊ uw=u v=v w=w y=j z=z zh=ʒ "
    "pau=_ h#=_ brth=_ sil=_ ssil=_"
)

ITALIAN: Final = _table(
    "a=a a1=a e=e e1=e E=ɛ E1=ɛ i=i i1=i o=o o1=o O=ɔ O1=ɔ u=u u1=u j=j w=w p=p t=t k=k b=b d=d g=g ts=ts dz=dz tS=tʃ "
    "dZ=dʒ f=f v=v s=s z=z S=ʃ m=m n=n nf=ɱ ng=ŋ J=ɲ L=ʎ l=l r=r #=_"
)

_FINNISH_SHORT: Final = _table(
    "a=ɑ i=i n=n s=s k=k t=t e=e #=_ o=o r=r y=y l=l @=æ h=h u=u m=m d=d v=ʋ j=j p=p b=b g=g N=ŋ f=f T=t S=ʃ 7=ø Z=ʒ"
)
FINNISH: Final = _FINNISH_SHORT | {f"{symbol}:": ipa for symbol, ipa in _FINNISH_SHORT.items()}

CATALAN: Final = _table(
    "ax=ə n=n s=s t=t pau=_ r=ɾ rr=r k=k i=i i1=i l=l a=a a1=a b=b u=u u1=u m=m d=d w=w E1=ɛ E=ɛ e=e e1=e p=p j=j g=ɡ "
    "O1=ɔ O=ɔ o=o o1=o Z=ʒ z=z f=f L=ʎ S=ʃ J=ɲ N=ŋ B=β D=ð G=ɣ tS=tʃ dZ=dʒ ts=ts dz=dz v=v x=x h=h T=θ"
)

CZECH: Final = _table(
    "e=ɛ s=s a=a i=ɪ t=t n=n o=o d=d #=_ _=_ j=j m=m t~=c d~=ɟ n~=ɲ n*=ŋ r=r s~=ʃ z~=ʒ c=ts c~=tʃ k=k v=v u=u l=l p=p "
    "g=g b=b h=ɦ ch=x r~=rʒ r~*=rʃ z=z f=f dz=dz dz~=dʒ a:=a u:=u i:=i e:=ɛ o:=o"
)
