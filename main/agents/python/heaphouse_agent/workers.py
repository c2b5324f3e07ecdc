"""Threads for what may take long or run the program's code; the agent's own thread stays free."""
from . import own
from .compat import _thread, block_signals, sys

SHORT = 0.0002  # seconds

starting = {}  # threads that were asked for and do not run yet
at_end = []  # what the last thread calls before it ends: a function and its arguments


class Hurry(object):
    """Beside a thread that computes, everything that gives the interpreter's lock away (a file that is read,
    a call through ctypes) gets it back a whole switch interval later, usually 5 ms: a snapshot makes thousands
    of such calls. So the interval is short while we have work to do, and as it was when we have none."""
    lock = _thread.allocate_lock()
    users = 0
    usual = quick = None

    @classmethod
    def begin(cls):
        with cls.lock:
            cls.users += 1
            if cls.users == 1:
                cls.usual = sys.getswitchinterval()
                if cls.usual > SHORT:
                    sys.setswitchinterval(SHORT)
                cls.quick = sys.getswitchinterval()

    @classmethod
    def end(cls):
        with cls.lock:
            cls.users -= 1
            # Unless the program has set another meanwhile.
            if cls.users == 0 and sys.getswitchinterval() == cls.quick:
                sys.setswitchinterval(cls.usual)

    @classmethod
    def forked(cls):
        """In a child: the threads that were at work are the parent's."""
        cls.lock = _thread.allocate_lock()
        if cls.users and sys.getswitchinterval() == cls.quick:
            sys.setswitchinterval(cls.usual)
        cls.users = 0


def spawn(function):
    """Runs `function()` on a thread the program's `threading` does not know."""
    holder = []  # how the start arguments, which only C code holds, are known to be ours
    arguments = (function, holder)
    holder.append(arguments)
    starting[id(holder)] = holder
    try:
        _thread.start_new_thread(_body, arguments)
    except BaseException:
        starting.pop(id(holder), None)
        raise


def _body(function, holder):
    ident = _thread.get_ident()
    own.threads[ident] = holder
    starting.pop(id(holder), None)
    try:
        block_signals()
        function()
    except SystemExit:
        pass
    finally:
        holder.clear()
        own.threads.pop(ident, None)
    function = None
    last = at_end[:]
    if last:
        try:
            # From here on there may be no global name left.
            last[0](*last[1:])
        except Exception:
            pass
