import numpy as np
import pytest
from synthetic_voice import sentence, silence

from spark_avatar.speech.articulation import ArticulationNetwork, articulation_network, normalise, read_out
from spark_avatar.speech.features import ARTICULATION
from spark_avatar.speech.mel import log_mel

CLOSE = ARTICULATION.index("close")


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
    channels, logits = network._session.run(None, {"logmel": mel[None]})
    whole = read_out(channels[0], logits[0])
    assert len(chunked.channels) == -(-len(mel) // 2)
    np.testing.assert_allclose(chunked.channels, whole.channels, atol=1e-3)
    np.testing.assert_allclose(chunked.sounds, whole.sounds, atol=1e-3)


def test_lips_meet_where_a_bilabial_is_likely_though_the_channel_hesitates():
    channels = np.full((41, 7), 0.1, np.float32)
    logits = np.zeros((41, 27), np.float32)
    logits[:, 18] = 8
    channels[9:12, CLOSE] = channels[29:32, CLOSE] = 0.2
    logits[9:12, 1] = 12
    told = read_out(channels, logits).channels[:, CLOSE]
    assert told[10] > 0.5
    assert told[30] < 0.25
    assert told[20] < 0.15
    channels[:, CLOSE] = 1
    assert read_out(channels, logits).channels.max() <= 1


def test_a_single_frame_counts_for_half():
    channels = np.zeros((9, 7), np.float32)
    channels[4, 0] = 0.8
    told = read_out(channels, np.zeros((9, 27), np.float32)).channels[:, 0]
    np.testing.assert_allclose(told[3:6], [0.2, 0.4, 0.2], atol=1e-6)
    assert told.sum() == pytest.approx(0.8)


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
