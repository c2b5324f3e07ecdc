"""Threads for what may take long or run the program's code; the agent's own thread stays free."""
from . import own
from .compat import _thread, block_signals


def spawn(function):
    """Runs `function()` on a thread the program's `threading` does not know."""
    def body():
        ident = _thread.get_ident()
        own.threads.add(ident)
        try:
            block_signals()
            function()
        except SystemExit:
            pass
        finally:
            own.threads.discard(ident)
    _thread.start_new_thread(body, ())
