"""The samples of the demo are fit for it."""

import numpy as np

from spark_avatar.media.audio import probe_audio, read_samples
from spark_avatar.media.image import probe_image, read_image
from spark_avatar.media.limits import MediaLimits
from spark_avatar.media.samples import sample_portrait, sample_speech


def test_portrait(tmp_path):
    path = sample_portrait(tmp_path / "portrait.png")
    facts = probe_image(path, MediaLimits())
    assert (facts.format, facts.width, facts.height) == ("png", 512, 512)
    assert read_image(path).std() > 40


def test_speech():
    facts = probe_audio(sample_speech(), MediaLimits())
    assert facts.codec == "flac"
    assert 6 < facts.seconds < 12
    samples = read_samples(sample_speech())
    peak = np.abs(samples).max()
    assert 0.2 < peak <= 10 ** (-3 / 20)
    quiet = int(0.25 * 16000)
    assert np.abs(samples[:quiet]).max() < 0.01
    assert np.abs(samples[-quiet:]).max() < 0.01
    assert np.abs(samples[quiet : quiet + 8000]).max() > 0.05
