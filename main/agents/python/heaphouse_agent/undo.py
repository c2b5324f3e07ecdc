"""The last step of leaving: the agent's modules, emptied, so that they are freed without the collector.

Modules, functions and classes hold each other in circles. A program whose collector is off, or rarely
gets to its oldest generation, would keep a megabyte of ours for good after each detach.
"""
from . import linetrace, own, workers
from .compat import _thread, sys

DEPTH = 3000  # frames of a thread that are looked at; a deeper one might be in our code for all we know


def _busy(namespaces):
    # type: (list) -> bool
    """Whether a frame other than those of this thread runs code of ours: a callback that was on its
    way when it was taken out, in a thread of the program."""
    own_ids = set([id(namespace) for namespace in namespaces])
    here = _thread.get_ident()
    for ident, frame in sys._current_frames().items():
        if ident == here:
            continue
        depth = 0
        while frame is not None:
            if depth == DEPTH or id(frame.f_globals) in own_ids:
                return True
            frame = frame.f_back
            depth += 1
    return False


def empty(modules, agent):
    # type: (list, object) -> None
    """To be called last, on the last thread of the agent: nothing of its modules works afterwards.
    The callers must use their local variables only. Does nothing where the program is seen to be in code of ours."""
    namespaces = [module.__dict__ for module in modules]
    if own.threads or workers.starting or linetrace.State.abandoned or _busy(namespaces):
        return
    prefix = own.PACKAGE + '.'
    things = [agent, agent.server, agent.hooks, agent.gc, agent.meter, agent.waker, agent.job]
    # Read before anything is taken away, from here on nothing global is used.
    remove, keys_of = type.__delattr__, type.__dict__['__dict__'].__get__
    kinds, spaces = [], namespaces[:]
    while spaces:
        for value in list(spaces.pop().values()):
            if type(value) is type and value not in kinds and value.__module__.startswith(prefix):
                kinds.append(value)
                spaces.append(keys_of(value))
    for thing in things:
        state = getattr(thing, '__dict__', None)
        if type(state) is dict:
            state.clear()
    thing = state = agent = None
    del things[:]
    # A class holds itself (its __mro__): what stays of it is an empty shell.
    while kinds:
        kind = kinds.pop()
        for name in list(keys_of(kind)):
            try:
                remove(kind, name)
            except (AttributeError, TypeError):
                pass
    kind = value = None
    del modules[:]
    while namespaces:
        namespaces.pop().clear()
