"""Which outputs share a transaction: those into one database, however its URL is spelled."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from program_lib.databases.turns import spelled_alike


@pytest.mark.parametrize(
    "other",
    [
        "postgresql://ann:secret@db.example:5432/shop",
        "postgresql+psycopg://ann:secret@db.example/shop",
        "postgresql://ann:secret@DB.Example/shop",
    ],
)
def test_spellings_of_one_database(other: str) -> None:
    assert spelled_alike(make_url(other)) == spelled_alike(
        make_url("postgresql://ann:secret@db.example/shop")
    )


@pytest.mark.parametrize(
    "other",
    [
        "postgresql://bob:secret@db.example/shop",
        "postgresql://ann:other@db.example/shop",
        "postgresql://ann:secret@db.example:5433/shop",
        "postgresql://ann:secret@db.example/Shop",
        "mysql://ann:secret@db.example/shop",
    ],
)
def test_other_databases_and_users(other: str) -> None:
    assert spelled_alike(make_url(other)) != spelled_alike(
        make_url("postgresql://ann:secret@db.example/shop")
    )
