"""The supervisor's process as a daemon: without a terminal, its words in a log, its own name in `ps`."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from kybern.base.errors import KybernError
from kybern.supervisor.title import set_title

LOG = "supervisor.log"


def become_daemon(logs: Path, run: Callable[[], None]) -> NoReturn:
    """Run to the end of this process, whatever happens: the words of an exception go into the log."""
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with suppress(PermissionError):  # It leads a session already.
            os.setsid()
        log = os.open(logs / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        os.chdir("/")
        set_title("kybern supervisor")
        run()
        status = 0
    except KybernError as error:
        print(error, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
