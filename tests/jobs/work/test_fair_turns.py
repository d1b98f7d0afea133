"""Turns between tenants, as a runner takes them."""

from jobs.work.fair_shares import Turns


def test_who_has_least_at_work_is_next() -> None:
    assert Turns(10).order({"acme": 3, "globex": 0, "initech": 1}) == ["globex", "initech", "acme"]


def test_of_several_the_one_served_longest_ago_is_next() -> None:
    turns = Turns(10)
    served = []
    for _ in range(6):
        [tenant_id, *_] = turns.order({"acme": 0, "globex": 0, "initech": 0})
        turns.serve(tenant_id)
        served.append(tenant_id)
    assert served == ["acme", "globex", "initech"] * 2


def test_no_more_tenants_are_remembered_than_said() -> None:
    turns = Turns(2)
    for tenant_id in ("acme", "globex", "initech"):
        turns.serve(tenant_id)
    assert turns.order(dict.fromkeys(("globex", "initech", "acme"), 0))[0] == "acme"
