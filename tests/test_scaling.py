"""The benchmark of scaling: what it fits, grows and writes, and that its probes run."""

import pytest

from benchmarks.scaling import fit, fit_slope, format_bytes, format_hours
from benchmarks.scaling_probes import PROBES, grow_captions

REAL = ["a red cat sits on a mat", "two dogs run along the beach", "the old house by a lake"]


def test_a_power_of_the_size_is_found_again():
    growth = fit({size: 3e-6 * size**1.7 for size in (100, 300, 5000)})
    assert growth.exponent == pytest.approx(1.7)
    assert growth.at(10**6) == pytest.approx(3e-6 * 10 ** (6 * 1.7))


def test_memory_grows_by_the_slope_of_its_peaks():
    assert fit_slope({1000: 102.0, 3000: 106.0, 5000: 110.0}) == pytest.approx(2000)


def test_captions_are_grown_of_halves_of_real_ones():
    grown = grow_captions(REAL, 50)
    assert grown[:3] == REAL
    halves = [caption.split() for caption in REAL]
    firsts = [" ".join(words[: len(words) // 2]) for words in halves]
    seconds = [" ".join(words[len(words) // 2 :]) for words in halves]
    made = {f"{first} {second}" for first in firsts for second in seconds}
    assert len(grown) == 50
    assert set(grown) == made
    assert grow_captions(REAL, 2) == REAL[:2]


@pytest.mark.parametrize("stage", sorted(PROBES.keys() - {"towers"}))
def test_every_stage_is_measured(stage):
    count = 1024 if stage == "finetune" else 60  # one batch, or few
    captions = grow_captions([f"{caption} {n % 7}" for n in range(9) for caption in REAL], count)
    assert all(seconds > 0 for seconds in PROBES[stage](captions).values())


def test_amounts_are_told_in_fitting_units():
    assert [format_bytes(n) for n in (3.5e6, 2e9, 1.5e13, 4e15)] == [
        "3.5 MB",
        "2 GB",
        "15 TB",
        "4 PB",
    ]
    assert [format_hours(s) for s in (0.25, 300, 7200, 10**6)] == [
        "0.25 s",
        "5 min",
        "2 h",
        "12 days",
    ]
