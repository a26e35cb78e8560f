"""The code that carries 64 bits through noise."""

import numpy as np
import pytest

from spark_avatar.provenance.codeword import CODEWORD, decode, encode


def test_a_codeword_has_306_bits() -> None:
    assert encode(0).shape == (CODEWORD,) == (306,)


@pytest.mark.parametrize("identity", [0, 1, 2**63, 2**64 - 1, 0x1B4E28BA2FA14D2C])
def test_what_is_encoded_is_decoded(identity: int) -> None:
    assert decode(1.0 - 2.0 * encode(identity)) == (identity, True)


def test_noise_as_strong_as_the_signal_is_corrected() -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        identity = int(random.integers(2**63))
        assert decode(1.0 - 2.0 * encode(identity) + random.normal(0, 1, CODEWORD)) == (identity, True)


def test_a_third_of_the_bits_may_be_lost() -> None:
    soft = 1.0 - 2.0 * encode(77)
    soft[np.random.default_rng(1).choice(CODEWORD, CODEWORD // 3, replace=False)] = 0
    assert decode(soft) == (77, True)


def test_noise_alone_has_no_checksum() -> None:
    random = np.random.default_rng(2)
    assert not any(decode(random.normal(0, 1, CODEWORD))[1] for _ in range(50))
