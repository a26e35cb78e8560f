"""Nothing that is still needed is written over."""

import pytest

from spark_avatar.errors import InvalidOptions
from spark_avatar.media.destinations import check_destinations


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a photo")
    return path


def test_new_files_and_earlier_results_may_be_written(photo, tmp_path):
    earlier = tmp_path / "out.mp4"
    earlier.touch()
    check_destinations([photo], output=earlier, thumbnail=tmp_path / "thumb.png", preview=tmp_path / "preview.webp")


@pytest.mark.parametrize("name", ["output", "thumbnail"])
def test_an_input_is_never_written_over(photo, tmp_path, name):
    given = {"output": tmp_path / "out.mp4", "thumbnail": None, name: tmp_path / "x" / ".." / "photo.jpg"}
    (tmp_path / "x").mkdir()
    with pytest.raises(InvalidOptions, match=f"^the {name} would overwrite a file") as refused:
        check_destinations([photo], **given)
    assert refused.value.facts == {"option": name}


def test_nor_by_way_of_a_link(photo, tmp_path):
    link = tmp_path / "out.mp4"
    link.symlink_to(photo)
    with pytest.raises(InvalidOptions, match="overwrite"):
        check_destinations([photo], output=link)


def test_two_results_need_two_files(photo, tmp_path):
    both = tmp_path / "both.webp"
    with pytest.raises(InvalidOptions, match=r"^the preview would overwrite"):
        check_destinations([photo], output=both, preview=both)


@pytest.mark.parametrize("name", ["output", "preview"])
def test_a_missing_folder_is_told_beforehand(photo, tmp_path, name):
    with pytest.raises(InvalidOptions, match=f"^the {name}'s folder does not exist") as refused:
        check_destinations([photo], **{name: tmp_path / "none" / "file"})
    assert refused.value.facts == {"option": name}
