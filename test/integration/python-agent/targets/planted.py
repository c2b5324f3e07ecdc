"""A program with known objects: counts, sizes, holders, and classes that must not be run."""
import collections
import gc
import os
import sys
import threading
import weakref

RAN = []  # what of the hostile classes was executed
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10000


class Session:
    def __init__(self, number):
        self.number = number
        self.payload = b'p' * 200 + b'%6d' % number
        self.tags = {'id': number}


class Slotted:
    __slots__ = ('left', 'right')

    def __init__(self, left):
        self.left = left


class Meta(type):
    def __getattribute__(cls, name):
        RAN.append('Meta.' + name)
        return type.__getattribute__(cls, name)

    def __hash__(cls):
        RAN.append('Meta.__hash__')
        return 1

    def __eq__(cls, other):
        RAN.append('Meta.__eq__')
        return True

    def __instancecheck__(cls, other):
        RAN.append('Meta.__instancecheck__')
        return True

    def __repr__(cls):
        RAN.append('Meta.__repr__')
        return 'meta'


def _hook(name):
    def run(self, *args, **kwargs):
        RAN.append(name)
        raise RuntimeError('user code ran: ' + name)
    return run


class Hostile(metaclass=Meta):
    def __init__(self):
        object.__setattr__(self, 'inner', [b'hostile inner'])

    @property
    def trap(self):
        RAN.append('property')

    @property
    def __class__(self):
        RAN.append('__class__')
        return int

    for _name in ('__repr__', '__str__', '__sizeof__', '__getattr__', '__getattribute__', '__hash__',
                  '__eq__', '__len__', '__iter__', '__bool__', '__dir__', '__getitem__',
                  '__reduce__', '__reduce_ex__', '__format__', '__index__', '__contains__'):
        locals()[_name] = _hook('Hostile.' + _name)
    del _name


class HostileDict(dict):
    for _name in ('__repr__', '__sizeof__', '__getattribute__', '__getitem__', '__iter__', 'keys',
                  'values', 'items', '__len__', '__bool__', '__contains__', 'get', 'copy'):
        locals()[_name] = _hook('HostileDict.' + _name)
    del _name


class HostileStr(str):
    for _name in ('__repr__', '__str__', '__getattribute__', '__len__', '__iter__', '__getitem__',
                  '__sizeof__', 'encode', 'join'):
        locals()[_name] = _hook('HostileStr.' + _name)
    del _name


class HostileList(list):
    for _name in ('__repr__', '__getattribute__', '__len__', '__iter__', '__getitem__',
                  '__sizeof__', '__bool__'):
        locals()[_name] = _hook('HostileList.' + _name)
    del _name


class HostileDescriptor:
    def __get__(self, instance, owner):
        RAN.append('descriptor.__get__')

    def __set__(self, instance, value):
        RAN.append('descriptor.__set__')


class WithDescriptor:
    field = HostileDescriptor()

    def __init__(self):
        self.plain = [1.5, 'kept by plain']


class EvilKey:
    def __init__(self):
        self.armed = False

    def __hash__(self):
        if self.armed:
            RAN.append('EvilKey.__hash__')
        return hash('armed')

    def __eq__(self, other):
        if self.armed:
            RAN.append('EvilKey.__eq__')
        return self is other


Point = collections.namedtuple('Point', 'x y')


def make_closure():
    captured = ['captured by a closure']

    def closure():
        return captured
    return closure


def make_generator():
    inside = ['inside a generator']
    yield inside
    yield None


class Cycle:
    def __init__(self):
        self.me = self
        self.weight = b'w' * 1000


_cache = {number: Session(number) for number in range(100000, 100000 + COUNT)}
slotted = Slotted([b'slot left'])
hostile = Hostile()
hostile_dict = HostileDict()
dict.__setitem__(hostile_dict, 'inside', [b'hostile dict value'])
hostile_str = HostileStr('text')
hostile_list = HostileList([[b'hostile list value']])
with_descriptor = WithDescriptor()
evil_key = EvilKey()
evil_mapping = {evil_key: 'evil value', 'other': 1}
evil_key.armed = True
point = Point([b'x of point'], 2)
closure = make_closure()
generator = make_generator()
next(generator)
default_dict = collections.defaultdict(list, {'k': [b'default dict value']})
ordered = collections.OrderedDict([('first', [b'ordered value'])])
queue = collections.deque([[b'deque item']])
big_bytes = bytearray(3000000)
weak_target = Session(1)
weak_reference = weakref.ref(weak_target)
huge_key = {'k' * 5000: 'huge key value', 'line\nbreak\ud800': 'odd key'}
atoms = [10 ** 40, 2.5, 3j, None, True, b'bytes', 'text', (), frozenset([1]), range(3)]
materialised = Session(2)
vars(materialised)['extra'] = [b'materialised']

gc.collect()
gc.disable()
for _ in range(20):
    Cycle()

release = threading.Event()


def worker():
    local_list = ['a local of the worker']
    release.wait()
    return local_list


thread = threading.Thread(target=worker, name='planted-worker', daemon=True)
thread.start()
del RAN[:]
print('ready', flush=True)
for line in sys.stdin:
    command = line.strip()
    if command == 'quit':
        break
    if command == 'ran':
        print('ran:' + ','.join(RAN) + ';', flush=True)
    elif command == 'threads':
        print('threads:' + ','.join(sorted(t.name for t in threading.enumerate())) + ';', flush=True)
    elif command == 'clean':
        left = [name for name in sys.modules if ''.join(('heap', 'house')) in name]
        tasks = len(os.listdir('/proc/self/task'))
        sockets = [os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd')
                   if os.path.exists('/proc/self/fd/' + fd) or os.path.islink('/proc/self/fd/' + fd)]
        kinds = sum(1 for s in sockets if s.startswith('socket:'))
        pipes = sum(1 for s in sockets if s.startswith('pipe:'))
        callbacks = len(gc.callbacks)
        print('clean: modules=%d tasks=%d sockets=%d pipes=%d callbacks=%d gc=%s;' % (
            len(left), tasks, kinds, pipes, callbacks, gc.isenabled()), flush=True)
    elif command == 'dicts':
        print('blocks:%d;' % sys.getallocatedblocks(), flush=True)
