"""The SLURM that all its tests share."""

import contextlib

import pytest

from tests.slurm.cluster import PackagesError, find_obstacle, run_cluster


@pytest.fixture(scope="session")
def cluster():
    """The two nodes."""
    obstacle = find_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(run_cluster())
        except PackagesError as error:
            pytest.skip(str(error))
        yield
