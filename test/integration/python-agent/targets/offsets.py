"""Makes each calibrated offset of the native walker wrong; argv[1] is the folder of the package."""
import sys

sys.path.insert(0, sys.argv[1])
from heaphouse_agent import native, probes  # noqa: E402

right = probes.calibrate
reason = native.ready()
assert reason is None, reason
tried = 0
for field in probes.FIELDS:
    for change in (8, -8):
        used = [False]

        def wrong(read):
            found = right(read)
            used[0] = found[field] != -1 and field != 'version'
            found[field] = 1 - found[field] if field in ('taggedInt', 'staticHeader') else found[field] + change
            return found
        native.unload()
        probes.calibrate = wrong
        reason = native.ready()
        if used[0]:
            tried += 1
            assert reason and 'does not fit' in reason, (field, change, reason)
native.unload()
probes.calibrate = right
assert native.ready() is None
native.unload()
with open('/proc/self/maps') as maps:
    assert 'heapwalk' not in maps.read()
print('tried', tried)
