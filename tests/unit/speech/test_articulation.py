import numpy as np
import pytest
from synthetic_voice import sentence, silence

from spark_avatar.speech.articulation import ArticulationNetwork, articulation_network, normalise
from spark_avatar.speech.mel import log_mel


@pytest.fixture(scope="module")
def network() -> ArticulationNetwork:
    return articulation_network()


def heard(sound: np.ndarray) -> np.ndarray:
    mel = log_mel(sound)
    return normalise(mel, np.ones(len(mel), bool))


def test_chunks_give_what_the_whole_gives(network):
    mel = heard(sentence(4, syllables=200))
    assert len(mel) > 4500
    chunked = network.run(mel)
    whole, _ = network._session.run(None, {"logmel": mel[None]})
    assert len(chunked.channels) == -(-len(mel) // 2)
    np.testing.assert_allclose(chunked.channels, whole[0], atol=1e-3)


def test_odd_and_tiny_lengths(network):
    for frames in (1, 2, 3, 7):
        found = network.run(np.zeros((frames, 80), np.float32))
        assert len(found.channels) == len(found.silence) == len(found.certainty) == -(-frames // 2)


def test_the_network_is_loaded_once():
    assert articulation_network() is articulation_network()
    assert articulation_network()._session is articulation_network()._session


def test_silence_around_a_recording_changes_nothing_when_it_is_not_counted(network):
    sound = sentence(5)
    alone = network.run(heard(sound)).channels
    padded = log_mel(np.concatenate([silence(6.0), sound, silence(6.0)]))
    counted = np.zeros(len(padded), bool)
    counted[600 : 600 + len(sound) // 160] = True
    around = network.run(normalise(padded, counted)).channels[300:][: len(alone)]
    assert np.abs(around - alone)[5:-5].mean() < 0.01
