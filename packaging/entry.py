"""Where the frozen program starts: as the viewer, as the command line, or as one of their children.

Both programs of a folder are this file; the name they were started by decides, or on Linux the first argument.
"""

import multiprocessing
import sys
from pathlib import Path

from engine.film.decoder import WORKER_ARGUMENT as DECODER
from engine.network.apart import WORKER_ARGUMENT as MODEL

VIEWER = "--viewer"  # what the script `lungbox-viewer` of the Linux folder passes on


def main() -> int:
    """Become what was asked for."""
    multiprocessing.freeze_support()
    if sys.argv[1:] == [DECODER]:
        from engine.film.worker import serve as decode

        decode()
        return 0
    if sys.argv[1:] == [MODEL]:
        from engine.network.worker import serve as run_model

        run_model()
        return 0
    if Path(sys.executable).stem.endswith("viewer"):
        from app.__main__ import main as view

        return view()
    if sys.argv[1:2] == [VIEWER]:
        from app.__main__ import main as view

        return view(sys.argv[2:])
    from engine.__main__ import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
