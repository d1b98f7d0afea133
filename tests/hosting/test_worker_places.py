"""Workers share the cores whatever their ages."""

from hosting.worker_places import free_place


def test_who_replaces_a_worker_takes_its_place() -> None:
    places = [free_place([]), free_place([0]), free_place([0, 1])]
    assert places == [0, 1, 2]
    assert free_place([0, 2]) == 1, "of the worker that has gone, though its age was less"
    assert free_place([-1, 0]) == 1, "a worker that has told no place takes none"
