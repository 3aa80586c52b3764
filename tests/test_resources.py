"""What a study took, from benchmark files as Snakemake writes them."""

import pytest

from lib.resources import Asked, summarise_resources
from workflow.summarise import format_resources

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
ASKED = {"train": Asked(3000, 1), "swap": Asked(500, 0), "download": Asked(2000, 0)}


def write_benchmark(path, seconds, peak, cpu):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [seconds, "0:00:00", peak, *"123456", cpu]
    path.write_text(HEADER + "\n" + "\t".join(map(str, values)) + "\n")


@pytest.fixture
def benchmarks(tmp_path):
    write_benchmark(tmp_path / "train/a/seed0.tsv", 1800.0, 900.4, 3000.0)
    write_benchmark(tmp_path / "train/a/seed1.tsv", 1809.0, 1200.6, 3100.25)
    write_benchmark(tmp_path / "train/b/seed0.tsv", 0.3, "NA", "NA")
    write_benchmark(tmp_path / "swap.tsv", 2.5, 80.0, 1.25)
    write_benchmark(tmp_path / "unknown/a.tsv", 10.0, 80.0, 1.25)
    return tmp_path


def test_jobs_are_summed_by_rule_and_in_all(benchmarks):
    train, swap, total = summarise_resources(benchmarks, ASKED)
    assert train == {
        "rule": "train",
        "jobs": 3,
        "wall_s": 3609.3,
        "longest_s": 1809.0,
        "cpu_s": 6100.2,
        "peak_mb": 1201,
        "asked_mb": 3000,
        "gpu_hours": 1.0026,
    }
    assert (swap["rule"], swap["jobs"], swap["peak_mb"], swap["gpu_hours"]) == ("swap", 1, 80, 0.0)
    assert total == {
        "rule": "total",
        "jobs": 4,
        "wall_s": 3611.8,
        "longest_s": 1809.0,
        "cpu_s": 6101.5,
        "peak_mb": None,
        "asked_mb": None,
        "gpu_hours": 1.0026,
    }


def test_jobs_too_short_to_measure_have_no_peak(tmp_path):
    write_benchmark(tmp_path / "swap/a.tsv", 0.3, "NA", "NA")
    swap, _ = summarise_resources(tmp_path, ASKED)
    assert (swap["jobs"], swap["wall_s"], swap["cpu_s"], swap["peak_mb"]) == (1, 0.3, 0.0, None)


def test_a_study_without_benchmarks_took_nothing_that_is_known(tmp_path):
    (total,) = summarise_resources(tmp_path, ASKED)
    assert (total["jobs"], total["wall_s"], total["gpu_hours"]) == (0, 0.0, 0)


def test_the_summary_names_gpu_hours_only_where_there_are_any(benchmarks):
    rows = summarise_resources(benchmarks, ASKED)
    texts = [{key: "" if value is None else str(value) for key, value in r.items()} for r in rows]
    header, train, *_ = format_resources(texts).splitlines()
    assert header.endswith("peak MB  asked MB  GPU h asked")
    assert train.split() == [
        "train",
        "3",
        "1:00:09",
        "1:41:40",
        "0:30:09",
        "1201",
        "3000",
        "1.0026",
    ]
    on_cpu = format_resources([row | {"gpu_hours": "0.0"} for row in texts])
    assert "GPU" not in on_cpu
