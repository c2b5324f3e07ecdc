"""A program with a subinterpreter that holds objects of its own. Reads commands: `start` starts the
agent in the subinterpreter (argv[1]: folder of the package), anything else ends the program."""
import sys

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters


class Mine(object):
    pass


def run(code):
    call = getattr(interpreters, 'exec', None) or interpreters.run_string
    return call(sub, code)


mine = [Mine() for _ in range(50)]
sub = interpreters.create()
run('class Theirs(object):\n    pass\ntheirs = [Theirs() for _ in range(777)]')
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() != 'start':
        break
    run('import sys\n'
        'if "heaphouse_agent" in sys.modules: print("already there;", flush=True)\n'
        'sys.path.insert(0, %r)\n'
        'try:\n'
        '    import heaphouse_agent\n'
        '    heaphouse_agent.start()\n'
        '    print("started;", flush=True)\n'
        'except BaseException as error:\n'
        '    print("refused:", type(error).__name__, error, ";", flush=True)\n' % sys.argv[1])
    print('went on;', flush=True)
interpreters.destroy(sub)
print('done;', flush=True)
