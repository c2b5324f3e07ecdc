"""Which objects are the agent's own, so that they stay out of the picture.

Two steps. `marks` gives the addresses the program's objects may refer to (our modules, functions
and classes, the collector callback, our environment entries): the walk never enters them, so
nothing that only they hold is found from the roots. `swallow` then follows the agent's own graph,
so that nothing of it is mistaken for an object held by C code.
"""
from .compat import gc, os, sys
from .static import (MISSING, Function, class_name, is_heap_type, lookup, module_dict,
                     shadows_instance)

PACKAGE = __name__.partition('.')[0]
threads = {}  # identifier of each of the agent's threads -> what its start arguments are kept in
# Strings of the ways in (load.py, sitecustomize): where interned strings live for ever (3.12+) they
# outlive the code they came from. Named here they count as ours.
LEFT = ('heaphouse_agent', 'heaphouse_agent_load', 'heaphouse_agent_inject', 'HEAPHOUSE_AGENT',
        'HEAPHOUSE_WAIT', 'start_launched', 'start_injected', 'write_error', 'keep_bytecode',
        '_compiled_modules', '_put_back', '_hurry')
extra = []  # functions handed to the interpreter: callbacks and fork hooks


def modules():
    # type: () -> list
    """The agent's modules as (key object, module)."""
    found = []
    for name, module in list(sys.modules.items()):
        if type(name) is str and name.partition('.')[0] == PACKAGE:
            found.append((name, module))
    return found


def marks():
    # type: () -> set
    """Addresses of what the program's structures may refer to and must not lead into."""
    own = set()
    for name, module in modules():
        own.add(id(name))
        own.add(id(module))
        namespace = module_dict(module)
        own.add(id(namespace))
        for value in list(namespace.values()):
            if type(value) is Function:
                if value.__globals__ is namespace:
                    own.add(id(value))
                    own.add(id(value.__code__))
            elif type(value) is type and is_heap_type(value):
                if class_name(value).partition('.')[0] == PACKAGE:
                    own.add(id(value))
    for function in extra:
        own.add(id(function))
    for key, value in _environment():
        own.add(id(key))
        own.add(id(value))
    return own


def _environment():
    environ = os.__dict__.get('environ')
    if shadows_instance(type(environ), '_data') or lookup(type(environ), '_data') is not MISSING:
        return
    try:
        data = object.__getattribute__(environ, '_data')
    except AttributeError:
        return
    if type(data) is dict:
        for key, value in list(data.items()):
            if type(key) is bytes and key.startswith(b'HEAPHOUSE_'):
                yield key, value
            elif type(key) is str and key.startswith('HEAPHOUSE_'):
                yield key, value


def seeds():
    # type: () -> list
    """Where the agent's own graph starts: its modules and the variables of its threads' frames."""
    found = [module for _, module in modules()]
    found.extend(extra)
    here = sys._getframe()  # not followed: it would hold `found`, and that itself
    for ident, frame in sys._current_frames().items():
        if ident in threads:
            while frame is not None:
                if frame is not here:
                    found.append(frame)
                    found.extend(frame.f_locals.values())
                frame = frame.f_back
    del here, frame
    return found


def swallow(start, index, own):
    # type: (list, dict, set) -> None
    """Adds to `own` everything `start` leads to that the program does not reach."""
    stack, visited = [], set()
    for o in start:
        if id(o) not in index and id(o) not in visited:
            visited.add(id(o))
            stack.append(o)
    referents = gc.get_referents
    frame_type = type(sys._getframe())
    code_type = type(swallow.__code__)
    while stack:
        o = stack.pop()
        if type(o) is frame_type:
            continue
        if type(o) is code_type:  # tells the collector nothing
            children = [o.co_consts, o.co_names, o.co_filename]
        else:
            children = referents(o)
        for child in children:
            address = id(child)
            if address not in index and address not in visited:
                visited.add(address)
                stack.append(child)
    own.update(visited)
