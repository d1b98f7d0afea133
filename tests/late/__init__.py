"""LATE=<seed> scripts/test tests/realtime: what meets comes late at random, as on a machine that is held up.

Messages and answers to a page, what a test does to it, and each meeting of threads and processes. A test that fails then takes something
for done that is on its way; or the product does.
"""
