"""Pictures of every kind: measured before decoding, read upright and in sRGB, refused with a reason."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from spark_avatar.errors import ImageTooManyBytes, ImageTooManyPixels, ImageUnreadable
from spark_avatar.media.image import ImageFacts, probe_image, read_image, shrink_image, write_image
from spark_avatar.media.limits import MediaLimits

LIMITS = MediaLimits()
ORANGE = (230, 120, 40)


def quadrants(width=48, height=32):
    """Red, green / blue, white: says which way is up."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return pixels


def smooth(width=96, height=64):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([columns * 255 // width, rows * 255 // height, 128 + 0 * rows], axis=2).astype(np.uint8)


def save(path, image, **options):
    image.save(path, **options)
    return path


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def sixteen_bit_png(values):
    """PNG of colour type 0 (grey), 16 bits, written by hand."""
    height, width = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


# --- formats


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        ("jpeg", {"quality": 97, "subsampling": 0}, 6),
        ("png", {}, 0),
        ("bmp", {}, 0),
        ("tiff", {"compression": "tiff_lzw"}, 0),
        ("webp", {"lossless": True}, 0),
        ("avif", {"quality": 95}, 10),
    ],
)
def test_reads_each_format(tmp_path, suffix, options, tolerance):
    path = save(tmp_path / f"picture.{suffix}", Image.fromarray(smooth()), **options)
    facts = probe_image(path, LIMITS)
    assert facts == ImageFacts(suffix, 96, 64, path.stat().st_size)
    pixels = read_image(path)
    assert pixels.shape == (64, 96, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - smooth()).max() <= tolerance


def test_reads_heic(tmp_path):
    path = tmp_path / "portrait.heic"
    pillow_heif.from_pillow(Image.fromarray(smooth())).save(path, quality=95)
    assert probe_image(path, LIMITS).format == "heic"
    assert np.abs(read_image(path).astype(int) - smooth()).mean() < 4


def test_content_decides_not_the_suffix(tmp_path):
    path = save(tmp_path / "portrait.png", Image.fromarray(smooth()), format="WEBP", lossless=True)
    assert probe_image(path, LIMITS).format == "webp"
    np.testing.assert_array_equal(read_image(path), smooth())


# --- orientation


@pytest.mark.parametrize("suffix", ["jpeg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(tmp_path, suffix, orientation):
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](quadrants())
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"turned.{suffix}", Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    facts = probe_image(path, LIMITS)
    assert (facts.width, facts.height) == (48, 32)
    pixels = read_image(path)
    assert pixels.shape == (32, 48, 3)
    for row, column in ((8, 12), (8, 36), (24, 12), (24, 36)):
        assert np.abs(pixels[row, column].astype(int) - quadrants()[row, column]).max() < 40


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_spoil_the_picture(tmp_path):
    path = save(tmp_path / "picture.jpeg", Image.fromarray(smooth()), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert probe_image(path, LIMITS).width == 96
    assert read_image(path).shape == (64, 96, 3)


# --- kinds of pixels


def test_alpha_is_laid_over_white(tmp_path):
    pixels = np.zeros((4, 12, 4), np.uint8)
    pixels[:, 0:4] = (255, 0, 255, 0)  # hidden colour
    pixels[:, 4:8] = (0, 0, 0, 128)
    pixels[:, 8:12] = (*ORANGE, 255)
    row = read_image(save(tmp_path / "cut_out.png", Image.fromarray(pixels)))[2]
    assert row[1].tolist() == [255, 255, 255]
    assert row[5].tolist() == [127, 127, 127]
    assert row[9].tolist() == list(ORANGE)


def test_grey_with_alpha(tmp_path):
    pixels = np.array([[[0, 0], [60, 255]]], np.uint8)
    row = read_image(save(tmp_path / "grey_alpha.png", Image.fromarray(pixels, "LA")))[0]
    assert row.tolist() == [[255, 255, 255], [60, 60, 60]]


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_transparent_colour_without_alpha_channel(tmp_path, mode):
    image = Image.new(mode, (4, 1), 0)
    image.putpixel((3, 0), {"P": 1, "RGB": (9, 9, 9), "L": 9}[mode])
    if mode == "P":
        image.putpalette([0, 0, 0, 9, 9, 9])
    path = save(tmp_path / "keyed.png", image, transparency={"P": 0, "RGB": (0, 0, 0), "L": 0}[mode])
    assert read_image(path)[0].tolist() == [[255, 255, 255]] * 3 + [[9, 9, 9]]


def test_grey_becomes_three_equal_channels(tmp_path):
    pixels = read_image(save(tmp_path / "grey.jpg", Image.new("L", (8, 8), 77)))
    assert pixels.shape == (8, 8, 3)
    assert (pixels == 77).all()


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palette_and_bitmap(tmp_path, mode):
    image = Image.fromarray(quadrants()).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(save(tmp_path / "few.png", image)), expected)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_without_profile(tmp_path, suffix):
    path = save(tmp_path / f"print.{suffix}", Image.new("CMYK", (16, 16), (0, 255, 255, 0)))
    red, green, blue = read_image(path)[8, 8]
    assert red > 240
    assert green < 15
    assert blue < 15


def cmyk_profile_with_green_for_everything():
    """A CMYK device whose colours are all the same green: shows whether the profile was asked at all."""
    lab_green = struct.pack(">HHH", int(60 / 100 * 65280), (128 - 50) * 256, (128 + 40) * 256)
    table = b"mft2\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += struct.pack(">HH", 2, 2) + struct.pack(">HH", 0, 65535) * 4 + lab_green * 16 + struct.pack(">HH", 0, 65535) * 3
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    copyright_ = b"text\0\0\0\0none\0"
    body, directory, offset = b"", b"", 128 + 4 + 4 * 12
    for name, data in ((b"desc", description), (b"A2B0", table), (b"wtpt", white), (b"cprt", copyright_)):
        padded = data + bytes(-len(data) % 4)
        directory += name + struct.pack(">II", offset + len(body), len(data))
        body += padded
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", 4) + directory + body


def test_cmyk_with_profile_follows_the_profile(tmp_path):
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, icc_profile=cmyk_profile_with_green_for_everything())
    red, green, blue = read_image(path)[8, 8].astype(int)
    assert green > red + 60
    assert green > blue + 40


def test_wide_gamut_profile_is_converted(tmp_path):
    """A profile with swapped primaries: red in it is green in sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    swap = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    for i in range(int.from_bytes(profile[128:132], "big")):
        name = bytes(profile[132 + 12 * i : 136 + 12 * i])
        profile[132 + 12 * i : 136 + 12 * i] = swap.get(name, name)
    path = save(tmp_path / "swapped.png", Image.new("RGB", (4, 4), (255, 0, 0)), icc_profile=bytes(profile))
    np.testing.assert_allclose(read_image(path)[0, 0], (0, 255, 0), atol=2)


def test_srgb_profile_changes_nothing(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(tmp_path / "tagged.png", Image.fromarray(smooth()), icc_profile=profile)
    assert np.abs(read_image(path).astype(int) - smooth()).max() <= 1


@pytest.mark.parametrize("profile", [b"not a profile", cmyk_profile_with_green_for_everything()])
def test_profile_that_does_not_fit_is_ignored(tmp_path, profile):
    path = save(tmp_path / "odd.png", Image.new("RGB", (4, 4), ORANGE), icc_profile=profile)
    assert read_image(path)[0, 0].tolist() == list(ORANGE)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    path = tmp_path / "deep.png"
    path.write_bytes(sixteen_bit_png(values))
    pixels = read_image(path)
    np.testing.assert_array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiff_of_either_byte_order(tmp_path, order):
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    mode = "I;16" if order == "<u2" else "I;16B"
    image = Image.frombytes(mode, (3, 1), values.astype(order).tobytes())
    assert read_image(save(tmp_path / "deep.tif", image))[0, :, 0].tolist() == [0, 100, 255]


def test_floating_point_tiff(tmp_path):
    image = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert read_image(save(tmp_path / "float.tif", image))[0, :, 1].tolist() == [0, 128, 255]


# --- animations


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 20), colour) for colour in (ORANGE, (0, 0, 255), (0, 255, 0))]
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    with Image.open(path) as image:
        assert image.n_frames == 3
    assert probe_image(path, LIMITS).format == suffix
    np.testing.assert_allclose(read_image(path)[10, 10], ORANGE, atol=6)


# --- refusals


def refused(path, error, limits=LIMITS):
    with pytest.raises(error) as caught:
        probe_image(path, limits)
    assert str(path.parent) not in caught.value.message
    return caught.value


def test_too_many_bytes(tmp_path):
    path = tmp_path / "noise.bmp"
    noise = np.random.default_rng(0).integers(0, 255, (1500, 1400, 3), dtype=np.uint8)
    error = refused(save(path, Image.fromarray(noise)), ImageTooManyBytes)
    assert "6.0 MiB" in error.message
    assert "at most 5 MiB" in error.message
    assert error.facts == {"image_bytes": path.stat().st_size, "limit_bytes": 5 * 1024 * 1024}


def test_too_many_pixels(tmp_path):
    error = refused(save(tmp_path / "huge.png", Image.new("1", (5000, 5000))), ImageTooManyPixels)
    assert "5000 x 5000" in error.message
    assert "4096" in error.message
    assert error.facts["image_width"] == 5000


def test_one_long_side_is_too_many_pixels(tmp_path):
    refused(save(tmp_path / "strip.png", Image.new("1", (4097, 8))), ImageTooManyPixels)
    assert probe_image(save(tmp_path / "edge.png", Image.new("1", (4096, 4096))), LIMITS).width == 4096


def test_decompression_bomb_is_caught_by_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", 50000, 50000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b""))
    assert path.stat().st_size < 1000
    assert "50000 x 50000" in refused(path, ImageTooManyPixels).message


def test_gif_bomb(tmp_path):
    file = io.BytesIO()
    Image.new("P", (4, 4)).save(file, "GIF")
    data = bytearray(file.getvalue())
    frame = data.index(b"\x2c", 13)
    data[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"  # the frame is larger than the screen
    path = tmp_path / "bomb.gif"
    path.write_bytes(data)
    refused(path, ImageTooManyPixels)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "an empty file"),
        (b"<!doctype html><html><head><title>404</title></head></html>", "an HTML page, not a picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "an SVG drawing, not a picture"),
        (b"hello, I am a picture", "text, not a picture"),
        (b"%PDF-1.4 \xff\xd8\xff", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
        (b"ID3\x03\x00\x00\x00\x00", "an MP3 sound"),
        (b"8BPS\x00\x01", "a Photoshop drawing, of a kind that is not supported"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture that is damaged"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG picture that is damaged"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "a WebP picture that is damaged"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", "an AVIF picture that is damaged"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC picture that is damaged"),
        (b"II*\x00\x08\x00\x00\x00\x00\x00", "a TIFF picture that is damaged"),
        (b"BM\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00", "a BMP picture that is damaged"),
        (b"GIF89a", "a GIF picture that is damaged"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, named):
    path = tmp_path / "portrait.jpg"
    path.write_bytes(content)
    assert named in refused(path, ImageUnreadable).message


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "avif", "heic"])
def test_picture_cut_short(tmp_path, suffix):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    path = tmp_path / f"whole.{suffix}"
    if suffix == "heic":
        pillow_heif.from_pillow(noise).save(path)
    else:
        noise.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageUnreadable, match="damaged or cut short"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", ["heic", "avif", "jpg", "tif"])
def test_flipped_bytes_never_surprise(tmp_path, kind):
    """Whatever is damaged, either a picture comes out or the one error that says so."""
    whole = tmp_path / f"whole.{kind}"
    source = Image.fromarray(smooth())
    pillow_heif.from_pillow(source).save(whole) if kind == "heic" else source.save(whole)
    random = np.random.default_rng(5)
    outcomes = set()
    for _ in range(80):
        data = bytearray(whole.read_bytes())
        for position in random.integers(len(data) // 4, len(data), 3):
            data[position] = random.integers(256)
        path = tmp_path / "damaged"
        path.write_bytes(data[: random.integers(len(data) // 2, len(data) + 1)])
        try:
            probe_image(path, LIMITS)
            outcomes.add(read_image(path).dtype.name)
        except (ImageUnreadable, ImageTooManyPixels) as error:
            outcomes.add(type(error).__name__)
    assert "ImageUnreadable" in outcomes


# --- writing


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 0), ("jpg", 8)])
def test_written_preview_reads_back(tmp_path, suffix, tolerance):
    path = tmp_path / f"preview.{suffix}"
    write_image(path, smooth())
    assert np.abs(read_image(path).astype(int) - smooth()).max() <= tolerance


def test_other_suffixes_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"\.png or \.jpg"):
        write_image(tmp_path / "preview.xyz", smooth())


@pytest.mark.parametrize(("size", "shrunk"), [((1200, 600), (640, 320)), ((300, 900), (213, 640)), ((48, 32), (48, 32))])
def test_a_picture_for_lists_is_small_and_never_enlarged(size, shrunk, tmp_path):
    write_image(tmp_path / "large.png", quadrants(*size))
    shrink_image(tmp_path / "large.png", tmp_path / "small.jpg", longest=640)
    facts = probe_image(tmp_path / "small.jpg", LIMITS)
    assert (facts.format, facts.width, facts.height) == ("jpeg", *shrunk)
    small = read_image(tmp_path / "small.jpg")
    assert small[5, 5, 0] > 200
    assert small[-5, -5].min() > 200
