"""Fixtures that every test may ask for; they live in tests/harness.py."""

from tests.harness import link, nats_server, product, shop_database, start_product

__all__ = ["link", "nats_server", "product", "shop_database", "start_product"]
