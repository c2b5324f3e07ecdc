"""Names that try to be something else: markup, control and bidirectional characters, formulas, paths, ten million
characters. `hostile_names.py TRIGGER`: holds some of each, and more when the file TRIGGER appears; ends on SIGTERM."""
import os
import sys
import threading
import time

IMG = "<img src=x class=hh-injected onerror=\"window.hhInjected=1\">"
NAMES = [
    IMG,
    "</script><script>window.hhInjected=1</script>",
    "\u202egnp.exe",
    "a\u2066b\u2069",
    "nul\x00bell\x07escape\x1b[31m",
    "=HYPERLINK(\"http://127.0.0.1/\")",
    "@SUM(1+1)",
    "../../../etc/passwd",
    "C:\\CON\\..\\x",
    "{{constructor.constructor('return 1')()}}",
    "\ud800",
    "\n\r\nSet-Cookie: x=1",
    "__proto__",
    "\U0001f4a3" * 30,
]


def make_class(name):
    made = type("Base", (), {})
    made.__name__ = name.replace("\x00", "")
    made.__qualname__ = made.__name__
    made.__module__ = "mod" + IMG
    return made


classes = []
for name in NAMES:
    try:
        classes.append(make_class(name))
    except (UnicodeEncodeError, ValueError):
        pass

held = {name: [] for name in NAMES}
held["long"] = "x" * 10_000_000
held["y" * 1_000_000] = 1


def fill(count):
    for name in NAMES:
        for cls in classes:
            for _ in range(count):
                item = cls()
                setattr(item, name, name * 2)
                held[name].append(item)


def main():
    trigger = sys.argv[1]
    threading.Thread(target=time.sleep, args=(3600,), name=IMG, daemon=True).start()
    fill(5)
    print("phase ready", IMG, "\x1b[31mred\x07 \u202eabc", flush=True)
    print("=1+1", file=sys.stderr, flush=True)
    grown = False
    while True:
        if not grown and os.path.exists(trigger):
            fill(40)
            grown = True
            print("phase grown", flush=True)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
