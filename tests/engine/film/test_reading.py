"""One door for every file: a whole radiograph comes out of it, or one of our errors."""

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DamagedFilmError, FilmError, FilmTooLargeError, LungboxError, NotAFilmError
from engine.film import decoder
from engine.film.radiograph import NoteCode
from engine.film.reading import read_radiograph
from engine.film.structure import stated_object
from tests.codestreams import SYNTAXES, chest, compressed_film
from tests.hostile import REFUSED, not_films, png, strange_films
from tests.phantom import (
    DEFLATED,
    ENCAPSULATED_NATIVE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    NATIVE_SYNTAXES,
    RLE,
    SENTINEL,
    dicom_bytes,
    dicom_film,
    thorax,
)


def write(folder: Path, data: bytes) -> Path:
    path = folder / "film.dat"
    path.write_bytes(data)
    return path


def grown_by() -> int:
    """Return the most memory that the decoder's child has had, 0 where the system does not tell."""
    status = Path(f"/proc/{decoder.kept_pid()}/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM:"))


@pytest.mark.parametrize("group", REFUSED)
def test_hostile_files_are_refused_quickly_without_naming_the_patient(tmp_path: Path, group: str) -> None:
    faults = []
    for name, data in REFUSED[group]():
        path = write(tmp_path, data)
        began = time.monotonic()
        try:
            read_radiograph(path)
        except FilmError as error:
            text = str(error)
            if "film.dat" not in text or not error.advice or "SENTINEL" in text:
                faults.append(f"{name}: {text}")
        else:
            faults.append(f"{name}: was read")
        if time.monotonic() - began > 15.0:
            faults.append(f"{name}: took {time.monotonic() - began:.0f} s")
        if grown_by() > 1 << 30:
            faults.append(f"{name}: the decoder grew to {grown_by() / 2**30:.1f} GB")
    assert faults == []


def test_strange_films_are_read_all_the_same(tmp_path: Path) -> None:
    for name, data in strange_films():
        radiograph = read_radiograph(write(tmp_path, data))
        expected = chest(8) if name.startswith("PNG") else thorax()
        assert np.array_equal(radiograph.stored, expected), name
        if name.startswith("DICOM and"):
            assert radiograph.has_note(NoteCode.PREAMBLE_EXECUTABLE), name


WHOLE = {
    **{uid: dicom_bytes(dicom_film(thorax(40, 30)), uid) for uid in (*NATIVE_SYNTAXES, ENCAPSULATED_NATIVE, RLE)},
    **{syntax.name: compressed_film(chest(syntax.bits[-1]), syntax, syntax.bits[-1]) for syntax in SYNTAXES},
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_film_cut_short_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    whole = WHOLE[name]
    for part in range(64):
        with pytest.raises(FilmError):
            read_radiograph(write(tmp_path, whole[: len(whole) * part // 64]))
    padded = name == DEFLATED and whole[-1] == 0  # the last byte makes the length even, and holds nothing
    for missing in (1 + padded, 3, 4, 8, 9):
        with pytest.raises(FilmError):
            read_radiograph(write(tmp_path, whole[:-missing]))


@pytest.mark.parametrize("uid", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_a_header_cut_at_every_byte_is_refused(tmp_path: Path, uid: str) -> None:
    whole = dicom_bytes(dicom_film(thorax(8, 8)), uid)
    for size in range(len(whole)):
        with pytest.raises(FilmError):
            read_radiograph(write(tmp_path, whole[:size]))


def test_a_deflated_film_with_a_flipped_bit_is_one_of_ours(tmp_path: Path) -> None:
    whole = dicom_bytes(dicom_film(thorax(40, 30)), DEFLATED)
    outcomes = set()
    for at in range(400, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        try:
            read_radiograph(write(tmp_path, bytes(damaged)))
        except LungboxError:
            outcomes.add("refused")
        else:
            outcomes.add("read")
    assert "refused" in outcomes


@pytest.mark.parametrize("uid", [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG])
def test_dicom_without_a_preamble_is_read(tmp_path: Path, uid: str) -> None:
    film = dicom_film()
    whole = dicom_bytes(film, uid)
    (meta_length,) = struct.unpack_from("<L", whole, 140)
    for bare in (whole[132:], whole[144 + meta_length :]):
        radiograph = read_radiograph(write(tmp_path, bare))
        assert np.array_equal(radiograph.stored, thorax())
        assert radiograph.source.transfer_syntax == uid
        assert stated_object(bare[:4096]) == (film.SOPClassUID, film.SOPInstanceUID)


def test_a_picture_is_read_without_pydicom(tmp_path: Path) -> None:
    path = write(tmp_path, png(8, 8, bytes(9 * 8)))
    code = f"import sys; from engine.film.reading import read_radiograph; read_radiograph({str(path)!r}); "
    code += "assert 'pydicom' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[3], timeout=90, check=True)


def test_a_preamble_that_is_a_tiff_makes_no_tiff_of_a_dicom_file(tmp_path: Path) -> None:
    preamble = b"II*\0" + struct.pack("<L", 8) + bytes(120)  # PS3.10 7.1 allows this
    assert read_radiograph(write(tmp_path, dicom_bytes(dicom_film(), preamble=preamble))).source.kind == "DICOM"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "is empty"), ("PDF", "PDF document"), ("zip", "zip archive"), ("gzip", "gzip archive"),
        ("text", "text file"), ("web page", "web page"), ("JSON", "JSON file"), ("program", "a program"),
        ("GIF", "GIF picture"), ("zeros", "nothing but zeros"), ("noise", "of a kind we do not know"),
    ],
)  # fmt: skip
def test_what_is_no_film_is_called_by_its_name(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(NotAFilmError, match=words):
        read_radiograph(write(tmp_path, dict(not_films())[name]))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAFilmError, match="is a folder"):
        read_radiograph(tmp_path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=r"none\.dcm does not exist"):
        read_radiograph(str(tmp_path / "none.dcm"))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
@pytest.mark.timeout(10)
def test_a_pipe_and_a_device_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotAFilmError):
            read_radiograph(path)


def test_a_name_with_every_kind_of_letter_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / ("Röntgen 胸部 🫁 " + "x" * 60 + ".png")
    path.write_bytes(png(8, 8, bytes(9 * 8)))
    assert read_radiograph(path).source.path == path


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "film.dcm").open("wb") as file:
        file.truncate(600 << 20)
    with pytest.raises(FilmTooLargeError, match=r"film\.dcm is larger than 512 MB"):
        read_radiograph(tmp_path / "film.dcm")


_SHORT_OF_MEMORY = """
import resource, sys
from engine.errors import FilmTooLargeError
from engine.film import decoder
from engine.film.reading import read_radiograph
import engine.film.dicom
decoder.prewarm()
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for megabytes in (4, 16, 40, 70, 100):
    resource.setrlimit(resource.RLIMIT_AS, (in_use + (megabytes << 20), resource.RLIM_INFINITY))
    try:
        read_radiograph(sys.argv[1])
    except FilmTooLargeError as error:
        assert "memory" in str(error), error
        print("refused")
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(read_radiograph(sys.argv[1]).rows)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to RLIMIT_AS")
def test_a_film_for_which_memory_is_short_is_refused_and_read_when_there_is_more(tmp_path: Path) -> None:
    path = write(tmp_path, dicom_bytes(dicom_film(np.zeros((4000, 4000), dtype=np.uint16), bits_stored=16)))
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _SHORT_OF_MEMORY, str(path)],
        cwd=root, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1], done.stderr) == ("refused", "4000", "")


# Found by benchmarks/fuzz.py: pydicom raises outside ValueError for these.
@pytest.mark.parametrize(
    ("uid", "old", "new"),
    [
        (EXPLICIT_LITTLE, struct.pack("<HH", 0x0028, 0x0100) + b"US", struct.pack("<HH", 0x0028, 0x0100) + b"U\0"),
        (EXPLICIT_LITTLE, struct.pack("<HH", 0x0018, 0x0015) + b"CS", struct.pack("<HH", 0x0018, 0x0015) + b"LG"),
        (IMPLICIT_LITTLE, struct.pack("<HH", 0x0018, 0x0015), struct.pack("<HH", 0x0018, 0x9463)),  # an FL of 5 bytes
    ],
)
def test_an_element_that_cannot_be_read_is_left_out_or_refused(
    tmp_path: Path, uid: str, old: bytes, new: bytes
) -> None:
    whole = dicom_bytes(dicom_film(), uid)
    assert whole.count(old) == 1
    path = write(tmp_path, whole.replace(old, new))
    if b"U\0" in new:
        with pytest.raises(DamagedFilmError):
            read_radiograph(path)
    else:
        assert np.array_equal(read_radiograph(path).stored, thorax())


def test_the_same_film_in_every_lossless_syntax_has_one_pixel_hash(tmp_path: Path) -> None:
    hashes = set()
    for syntax in SYNTAXES:
        if not syntax.tolerance:
            hashes.add(read_radiograph(write(tmp_path, compressed_film(chest(12), syntax, 12))).source.pixel_sha256)
    native = dicom_bytes(dicom_film(chest(12)))
    hashes.add(read_radiograph(write(tmp_path, native)).source.pixel_sha256)
    assert len(hashes) == 1


def test_no_error_of_a_damaged_film_names_its_patient(tmp_path: Path) -> None:
    whole = dicom_bytes(dicom_film())
    assert SENTINEL.encode() in whole
    for size in range(150, len(whole), 97):
        with pytest.raises(FilmError) as caught:
            read_radiograph(write(tmp_path, whole[:size]))
        assert "SENTINEL" not in repr(caught.value) + str(caught.value)


REAL = {
    "canon_dx_966_fixed_j2k_lossless_mono1": (2128, 2000, 4095),
    "wg04_rg1_cr_thorax_j2k_lossy_mono1": (1955, 1841, 26512),
    "wg04_rg1_cr_thorax_jpegls_nearlossless_mono1": (1955, 1841, 26481),
    "nih_dx_implicit_mono2_1024": (1024, 1024, 252),
    "rsna_cr_ap_jpegbaseline_mono2_1024": (1024, 1024, 255),
    "wg04_RG2_JLSL": (2140, 1760, 893),
    "wg04_RG2_JPLL": (2140, 1760, 893),
    "wg04_RG2_RLE": (2140, 1760, 893),
    "wg04_RG2_UNC": (2140, 1760, 893),
    "wg04_RG3_J2KR": (1760, 1760, 1023),
    "wg04_RG3_UNC": (1760, 1760, 1023),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_a_real_film_is_read(shared_dir: Path, name: str) -> None:
    radiograph = read_radiograph(shared_dir / "data/dicom" / f"{name}.dcm")
    assert (radiograph.rows, radiograph.columns, int(radiograph.stored.max())) == REAL[name]


@pytest.mark.shared
def test_real_films_in_several_syntaxes_hold_the_same_pixels(shared_dir: Path) -> None:
    films = shared_dir / "data/dicom"
    for names in (("RG2_UNC", "RG2_RLE", "RG2_JPLL", "RG2_JLSL"), ("RG3_UNC", "RG3_J2KR")):
        assert len({read_radiograph(films / f"wg04_{name}.dcm").source.pixel_sha256 for name in names}) == 1


@pytest.mark.shared
def test_the_real_film_with_a_broken_codestream_is_refused(shared_dir: Path) -> None:
    with pytest.raises(DamagedFilmError, match="compressed picture is damaged"):
        read_radiograph(shared_dir / "data/dicom/canon_dx_966_j2k_lossless_mono1_as_found.dcm")
