"""The benchmark of downloading, on our side: what it measures beside needs another environment."""

import sys

import pytest

from benchmarks.download import OURS, Contender, Cost, Scenario, check_pictures, run, tabulate
from benchmarks.web import is_gone, list_urls, start_web

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hosts are loopback addresses")


@pytest.fixture(scope="module")
def urls():
    with start_web(latency=0.01, sides=(260, 300)) as port:
        yield list_urls(port, 20)


@pytest.mark.parametrize("contender", OURS, ids=lambda contender: contender.name)
def test_what_the_web_holds_is_downloaded_and_counted(urls, contender):
    cost, pictures = run(contender, urls)
    assert set(pictures) == {url for url in urls if not is_gone(url)}
    assert len(pictures) == 16
    assert len({picture.sha256 for picture in pictures.values()}) == 16
    assert cost.cpu > 0
    assert cost.memory > 10  # MiB: less than any Python takes


def test_a_download_that_lacks_pictures_is_an_error():
    with pytest.raises(RuntimeError, match="ours: 0 pictures, expected 6"):
        check_pictures("ours", list_urls(80, 8), {})


def test_ratios_are_of_rates_within_a_round():
    contenders = [Contender("a", None, {"jobs": 2}), Contender("b", None, {})]
    costs = {"a": [Cost(1, 4, 10), Cost(10, 4, 10)], "b": [Cost(2, 8, 20), Cost(20, 8, 20)]}
    starts = {"a": [Cost(1, 1, 10)], "b": [Cost(1, 2, 10)]}
    rows = tabulate(Scenario((300, 600), 0.1), contenders, costs, starts, 1000)
    assert rows[0][:2] == ["300-600 px, 100 ms", "a (jobs 2)"]
    assert rows[0][3] == "2.00 [2.00, 2.00]"
    assert (rows[0][4], rows[0][5]) == ("4.00 [4.00, 4.00]", "3.00 [3.00, 3.00]")
    assert rows[1][3] == "1.00 [1.00, 1.00]"
