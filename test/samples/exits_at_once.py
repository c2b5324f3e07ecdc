"""Prints one line on each stream and ends at once with the exit code given (default 3)."""
import sys

print('about to end')
print('nothing to do', file=sys.stderr)
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
