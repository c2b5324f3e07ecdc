"""Threads for what may take long or run the program's code; the agent's own thread stays free."""
from . import own
from .compat import _thread, block_signals, monotonic_ms, sys, unblock_signals

SHORT = 0.000103  # seconds; no program's own
QUICK = 1e-6 * 103  # as the interpreter tells it
MORE = 2e-7  # the interpreter cuts to microseconds: so much more, and what was read is what is set
LOAN_MS = 200.0  # for what runs the program's code: long enough for a question from a console

starting = {}  # threads that were asked for and do not run yet
at_end = []  # what the last thread calls before it ends: a function and its arguments
package = []  # what keeps our name in sys.modules until the agent's thread has done everything; that thread


class Hurry(object):
    """Beside a thread that computes, whoever wants the interpreter's lock gets it after a whole switch
    interval, 5 ms, and much later where the program itself lets go of it now and then (native/waiting.c
    says why). Everything that reads a file or writes to a socket gives it away. So the interval is short
    while we have work to do, and as it was when we have none.

    A thread of ours is in a hurry from its start to its end, except while it waits."""
    lock = _thread.allocate_lock()
    users = 0
    usual = quick = None
    poll = None  # what the agent's thread waits with: it makes the interval short as well

    @classmethod
    def begin(cls, waited=False):
        """waited: on the agent's thread, after its wait."""
        with cls.lock:
            cls.users += 1
            now = sys.getswitchinterval()
            if now > SHORT:
                cls.usual = now
                sys.setswitchinterval(SHORT + MORE)
            elif waited or cls.users == 1:
                was = cls.poll.was() if cls.poll is not None and now == QUICK else 0
                if was or cls.users == 1:
                    cls.usual = was or now
            cls.quick = sys.getswitchinterval()

    @classmethod
    def end(cls):
        with cls.lock:
            cls.users -= 1
            # Unless the program has set another meanwhile:
            if cls.users == 0:
                cls.put_back()

    @classmethod
    def put_back(cls):
        # Not what was short before us: its owner may be putting it back this moment.
        if cls.usual > SHORT and sys.getswitchinterval() == cls.quick:
            sys.setswitchinterval(cls.usual + MORE)

    @classmethod
    def leave(cls):
        """Of the last thread, which cannot call `end` any more when all names are gone: what it has to call, and with
        what, or None. The interval stays short until then."""
        with cls.lock:
            cls.users = max(0, cls.users - 1)
            if cls.users or cls.quick is None or cls.usual <= SHORT:
                return None
            return sys.getswitchinterval, cls.quick, sys.setswitchinterval, cls.usual + MORE

    @classmethod
    def forked(cls):
        """In a child: the threads that were at work are the parent's."""
        cls.lock = _thread.allocate_lock()
        if cls.users:
            cls.put_back()
        elif cls.poll is not None and sys.getswitchinterval() == QUICK and cls.poll.was():
            sys.setswitchinterval(cls.poll.was() + MORE)
        cls.users = 0
        cls.poll = None
        for loan, _ in Loan.out:
            loan.open, loan.entry = False, None  # the thread that forked has nothing to give back any more
        Loan.out[:] = []


class Loan(object):
    """The hurry of a thread that runs the program's code: given back by the thread at its end, or
    by the agent's thread when it takes longer."""
    out = []  # (loan, until when)

    def __init__(self):
        self.open = True
        self.entry = (self, monotonic_ms() + LOAN_MS)
        Loan.out.append(self.entry)

    def back(self):
        # Two threads may be here for the same loan, others for other ones.
        with Hurry.lock:
            was, self.open = self.open, False
            entry, self.entry = self.entry, None  # they hold each other
            if was:
                Loan.out.remove(entry)
        if was:
            Hurry.end()

    @staticmethod
    def all_back():
        for loan, _ in list(Loan.out):
            loan.back()

    @staticmethod
    def left_ms():
        # type: () -> float
        """Until the next is due, those that are being taken back; None: there is none."""
        now = monotonic_ms()
        soonest = None
        for loan, until in list(Loan.out):  # a copy: threads that end take theirs out meanwhile
            if until <= now:
                loan.back()
            elif soonest is None or until < soonest:
                soonest = until
        return None if soonest is None else soonest - now


def calmly(wait, *arguments):
    """Waits, on a thread that is in a hurry otherwise."""
    Hurry.end()
    try:
        return wait(*arguments)
    finally:
        Hurry.begin()


def spawn(function, runs_program=False):
    """Runs `function()` on a thread the program's `threading` does not know. `runs_program`: it runs code of
    the program, which may take any time."""
    holder = []  # how the start arguments, which only C code holds, are known to be ours
    arguments = (function, holder)
    holder.append(arguments)
    starting[id(holder)] = holder
    Hurry.begin()  # also for its first look at the interpreter's lock
    holder.append(Loan().back if runs_program else Hurry.end)
    # The thread begins with what is blocked here: a signal that it took would not wake the program.
    signals = block_signals()
    try:
        _thread.start_new_thread(_body, arguments)
    except BaseException:
        starting.pop(id(holder), None)
        holder.pop()()
        raise
    finally:
        unblock_signals(signals)  # on the main thread a handler of the program may run here, and raise


def _body(function, holder):
    ident = _thread.get_ident()
    own.threads[ident] = holder
    starting.pop(id(holder), None)
    calm = holder[1]
    try:
        function()
    except SystemExit:
        pass
    finally:
        holder.clear()
        own.threads.pop(ident, None)
        function = None
        last = at_end[:]
        if not last:
            calm()
        calm = None
    if not last:
        return
    leaving = Hurry.leave()
    modules, name, ours = sys.modules, own.PACKAGE, package[:]
    try:
        # From here on there may be no global name left.
        last[0](*last[1:])
    except Exception:
        pass
    if leaving and leaving[0]() == leaving[1]:
        leaving[2](leaving[3])
    # Now the next agent may come: it waits for this name to go.
    if ours and ours[1] == ident and modules.get(name) is ours[0]:
        modules.pop(name, None)
