"""Makes the key with which a NATS server of yours admits programs: python -m scripts.issuer FILE

Writes the seed into FILE (mode 0600) for NATS_ISSUER_SEED, and prints the public key for `issuer` in
the server's configuration (docs/nats.md). An existing FILE keeps its seed.
"""

import sys
from pathlib import Path

from hosting.reader import ended_with_reader
from jobs.run.nkeys import made_issuer


def main(arguments: list[str]) -> int:
    """Exit code 0; 2 when the file cannot be used."""
    if arguments in (["-h"], ["--help"]):
        print(__doc__, end="")
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(made_issuer(Path(arguments[0])).public)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        print(f"issuer: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(ended_with_reader(lambda: main(sys.argv[1:])))
