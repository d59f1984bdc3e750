"""Programs that must do the same in a warm and in a new interpreter: shell scripts by name."""

from __future__ import annotations

COLD = {
    "an option": "python -W ignore -c",
    "optimised": "python -O -c",
    "implementation option": "python -X utf8 -c",
    "isolated": "python -I -c",
    "two options in one": "python -uB -c",
    "search path": "PYTHONPATH=/tmp python -c",
    "hash seed": "PYTHONHASHSEED=1 python -c",
    "warnings": "PYTHONWARNINGS=error python -c",
    "another locale": "LC_ALL=C python -c",
    "empty environment": "env -i /opt/mle-gym/bin/python -c",
    "threads": "OMP_NUM_THREADS=2,3 python -c",
    "library's variable": "OPENBLAS_CORETYPE=Haswell python -c",
    "address space": "ulimit -v 4000000; python -c",
    "open files": "ulimit -n 512; python -c",
    "another descriptor": "exec 3</dev/null; python -c",
    "closed input": "exec 0<&-; python -c",
    "the real one by its path": '"$(readlink /opt/mle-gym/interpreter)" -c',
}
"""Ways to call it that must not be warm."""

HEAVY = {
    *("boosting", "boosting with two threads", "forest", "joblib", "tables", "linear algebra"),
    *("error in sklearn", "multiprocessing by server", "seeded random numbers"),
}
"""Programs that need seconds in the real interpreter and use nothing that containers change."""


def is_light(name: str) -> bool:
    """Whether a program neither is heavy nor imports large libraries or starts several processes."""
    large = ("multiprocessing", "pool", "pandas", "versions", "missing")
    return name not in HEAVY and not any(word in name for word in large)


def script(source: str, call: str = "python script.py", before: str = "", after: str = "") -> str:
    return f"{before}\ncat > script.py <<'THE-END'\n{source}\nTHE-END\n{call}\n{after}"


def code(source: str) -> str:
    return f"python -c '{source}'"


_TERMINATED = (
    "{} script.py & until [ -e up ]; do sleep 0.02; done; kill $!; wait $!; echo $?; rm up"
)
"""The signal comes when the program has said that it handles it, however busy the machine is."""

_ERROR = """
def first(x):
    return second(x) + 1

def second(x):
    return 1 / x

first(0)
"""

_SHOW = """
import os, sys
print(sys.argv, __name__, globals().get("__file__"), sys.path[0], os.getcwd(), __spec__, __package__)
print(type(__loader__), __doc__, __builtins__, sorted(globals()))
print(sys.executable, sys.prefix, sys.flags, sys.warnoptions, sys._xoptions)
print(sys.path, sys.stdin.name, sys.stdout.mode, sys.stderr.name)
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.encoding, stream.errors, stream.line_buffering, stream.write_through)
    print(type(stream.buffer), stream.fileno(), stream.isatty(), stream.name, stream.newlines)
"""

_STATE = """
import os, resource, signal, sys, threading
del os.environ["PATH"], os.environ["_"]  # the shell's: where it found the command
print(sorted(os.environ.items()))
print({n: str(signal.getsignal(n)).split(" at ")[0] for n in sorted(signal.valid_signals())})
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
print([resource.getrlimit(n) for n in range(16)])
print(os.getuid(), os.geteuid(), os.getgid(), os.getgroups(), os.getresuid(), os.getresgid())
print(len(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
print(sorted(os.listdir("/proc/self/fd")), [os.get_inheritable(n) for n in (0, 1, 2)])
print(open("/proc/self/oom_score_adj").read(), os.readlink("/proc/self/exe"))
print(open("/proc/self/cmdline").read(), open("/proc/self/comm").read())
print(sorted(v for v in open("/proc/self/environ").read().split(chr(0)) if v[:2] not in ("_=", "PA")))
print(open("/proc/self/cgroup").read())
keep = ("Umask", "Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp", "SigB", "SigC", "SigP", "Shd", "Threads")
print([line for line in open("/proc/self/status") if line.startswith(keep)])
print({name: os.readlink(f"/proc/self/ns/{name}") == os.readlink(f"/proc/{os.getppid()}/ns/{name}")
       for name in os.listdir("/proc/self/ns")})
print(threading.current_thread().name, threading.active_count(), threading.get_native_id() == os.getpid())
print(os.getcwd(), os.umask(0), sys.getrecursionlimit(), sys.gettrace(), sys.getswitchinterval())
"""

_MULTIPROCESSING = """
import multiprocessing, os, sys

def square(x):
    return x * x

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with context.Pool(2) as pool:
        print(pool.map(square, range(5)))
    queue = context.Queue()
    process = context.Process(target=queue.put, args=("sent",), name="worker")
    process.start()
    print(queue.get(), process.name)
    process.join()
    print(process.exitcode)
"""

CORPUS = {
    # ------------------------------------------------------------------------ forms and arguments
    "script": script(_SHOW),
    "script with arguments": script(_SHOW, "python script.py one 'two three' '' --four=5 -c -m -"),
    "script by dot slash": script(_SHOW, "python ./script.py"),
    "script by a parent": script(_SHOW, "mkdir -p a; cd a; python ../script.py"),
    "script by an absolute path": script(_SHOW, "cd /tmp; python /workspace/script.py"),
    "script by a link": script(_SHOW, "mkdir -p l; ln -s ../script.py l/s.py; python l/s.py"),
    "script in a linked folder": script(
        _SHOW, "mkdir r; mv script.py r; ln -s r s; python s/script.py"
    ),
    "script without a suffix": script(_SHOW, "mv script.py script; python script"),
    "a shebang": script("#!/usr/bin/env python\n" + _SHOW, "chmod +x script.py; ./script.py x"),
    "code": f"python -c '{_SHOW}' one -two",
    "code of nothing": "python -c ''",
    "code that is wrong": "python -c 'import'; echo $?",
    "code with a declaration": "python -c '# coding: ascii\nprint(\"é\")'",
    "code without argument": "python -c 2>&1 | sed 's,[^ ]*/python,python,'",
    "module": script(_SHOW, "python -m script one two"),
    "module in a package": script(
        _SHOW,
        "mkdir p; touch p/__init__.py; cp script.py p/__main__.py; python -m p; python -m p.q",
    ),
    "module of the library": "echo '{\"a\": 1}' | python -m json.tool; python -m no_such_module; echo $?",
    "module with an error": script(_ERROR, "python -m script; echo $?"),
    "module that exits": script("raise SystemExit('over')", "python -m script; echo $?"),
    "standard input": script(_SHOW, "python - one two < script.py"),
    "standard input alone": script(_SHOW, "python < script.py"),
    "a pipe": script(_SHOW, "cat script.py | python -"),
    "here document": "python - <<'END'\nimport sys\nprint(sys.stdin.read())\nEND",
    "a folder": script(_SHOW, "mkdir f; mv script.py f/__main__.py; python f"),
    "an archive": script(
        _SHOW, "mv script.py __main__.py; python -m zipfile -c a.zip __main__.py; python a.zip"
    ),
    "a missing script": "(python nothing.py; echo $?; python no/thing.py; echo $?) 2>&1 | sed 's,[^ ]*/python,python,'",
    "an unreadable script": script(
        "", "chmod 000 script.py; (python script.py; echo $?) 2>&1 | sed 's,[^ ]*/python,python,'"
    ),
    "an empty script": "touch e.py; python e.py; echo $?",
    "a null byte": "printf 'print(1)\\0' > n.py; python n.py; echo $?",
    "a byte order mark": "printf '\\xef\\xbb\\xbfprint(\"é\")' > b.py; python b.py",
    "latin 1": "printf '# -*- coding: latin-1 -*-\\nprint(\"\\xe9\")' > b.py; python b.py",
    "wrong encoding": "printf 'print(\"\\xe9\")' > b.py; python b.py; echo $?",
    "dos line ends": "printf 'print(1)\\r\\nprint(2)\\r\\n' > d.py; python d.py",
    "an odd argument": "python -c 'import sys; print(ascii(sys.argv))' $'\\xff\\xfe' é",
    "version": "python --version; python -V",
    "unknown option": "(python --nothing; echo $?; python -Z; echo $?) 2>&1 | sed 's,[^ ]*/python,python,'",
    "options": script(
        _SHOW, "python -O script.py; python -W error script.py; python -X dev -c 'print(1)'"
    ),
    "unbuffered": script(_SHOW, "python -u script.py; PYTHONUNBUFFERED=1 python script.py"),
    # ----------------------------------------------------------------------------- how it ends
    "exit codes": 'for n in 0 1 7 255 256 -1 4294967299; do python -c "raise SystemExit($n)"; echo $?; done',
    "exit with texts": script(
        "import sys\nsys.exit(sys.argv[1] if sys.argv[1] != '-' else {'a': [1.5]})",
        "python script.py message; echo $?; python script.py -; echo $?",
    ),
    "exit with None": code("import sys; sys.exit(None)") + "; echo $?",
    "exit with a bool": code("import sys; sys.exit(True)") + "; echo $?",
    "exit in a thread": code(
        "import sys,threading; threading.Thread(target=sys.exit,args=(3,)).start()"
    ),
    "exit at once": code("import os; print(1); os._exit(9)") + "; echo $?",
    "uncaught error": script(_ERROR, after="echo $?"),
    "uncaught error in code": f"python -c '{_ERROR}'; echo $?",
    "uncaught error from input": script(_ERROR, "python < script.py; echo $?"),
    "syntax error": script("x = 1\nif x\n    pass", after="echo $?"),
    "indentation error": script("if 1:\n  x\n y", after="echo $?"),
    "chained errors": script(
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e"
    ),
    "error group": script(
        "raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [OSError(2)])])"
    ),
    "recursion": script("def f(n):\n    return f(n + 1)\nf(0)", "python script.py 2>&1 | tail -4"),
    "recursion depth": script(
        "n = 0\ndef f():\n    global n\n    n += 1\n    f()\ntry:\n    f()\nexcept RecursionError:\n    print(n)"
    ),
    "error in pandas": script(
        "import pandas as pd\npd.DataFrame({'a': [1]})['b']", after="echo $?"
    ),
    "error in sklearn": script(
        "from sklearn.ensemble import RandomForestClassifier\nRandomForestClassifier().predict([[1]])"
    ),
    "assertion": script("assert 1 == 2, 'no'"),
    "own excepthook": script(
        "import sys\nsys.excepthook = lambda *a: print('mine', a[0], a[1])\n1/0", after="echo $?"
    ),
    "broken excepthook": script(
        "import sys\ndef hook(*a):\n    raise KeyError(1)\nsys.excepthook = hook\n1/0",
        after="echo $?",
    ),
    "unraisable": script(
        "class A:\n    def __del__(self):\n        raise ValueError(1)\na = A()\ndel a\nprint(2)",
        "python script.py 2>&1 | grep -v 0x",
    ),
    "last words": script(
        "import atexit, sys\natexit.register(print, 'second')\natexit.register(print, 'first')\n"
        "print('body')\nsys.exit(4)",
        after="echo $?",
    ),
    "atexit that fails": script(
        "import atexit\natexit.register(lambda: 1 / 0)\nprint(1)",
        "python script.py 2>&1 | grep -v 0x; echo $?",
    ),
    "destructors": script(
        "class A:\n    def __init__(self, n):\n        self.n = n\n    def __del__(self):\n        print('gone', self.n)\n"
        "a = A(1)\n_b = A(2)\nc = [A(3)]\nc.append(c)\nimport weakref\nweakref.finalize(a, print, 'finalized')\nprint('end')"
    ),
    "destructors of a module": script(
        "import other\nprint('end')",
        before="printf 'class A:\\n    def __del__(self):\\n        print(\"gone\")\\na = A()\\n' > other.py",
    ),
    "thread at the end": script(
        "import threading, time\ndef late():\n    time.sleep(0.2)\n    print('late')\nthreading.Thread(target=late).start()\nprint('main')"
    ),
    "daemon thread": script(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nprint('main')"
    ),
    "error in a thread": script(
        "import threading\nt = threading.Thread(target=lambda: 1/0, name='t')\nt.start()\nt.join()\nprint('on')"
    ),
    "closed output": "python -c 'print(1)' >&-; echo $?; python -c 'import sys; sys.stdout.close()'; echo $?",
    "full output": "python -c 'print(1)' > /dev/full; echo $?; python -c 'import sys; print(1); sys.exit(3)' >/dev/full; echo $?",
    "broken pipe": "python -c 'print(\"x\\n\" * 1000000)' 2> log | head -1; echo ${PIPESTATUS[0]}; cat log",
    "fork": script(
        "import os\nprint('before', flush=True)\npid = os.fork()\nif pid == 0:\n    print('child')\nelse:\n    print(os.waitpid(pid, 0)[1])"
    ),
    "execute": script(
        "import os, sys\nos.execv(sys.executable, ['python', '-c', 'print(2); raise SystemExit(5)'])",
        after="echo $?",
    ),
    # --------------------------------------------------------------------------------- signals
    "killed by itself": script(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", after="echo $?"
    ),
    "terminated by itself": script(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", after="echo $?"
    ),
    "aborted": code("import os; os.abort()") + "; echo $?",
    "segmentation fault": script("import ctypes\nctypes.string_at(0)", after="echo $?"),
    "fault handler": script(
        "import faulthandler, ctypes\nfaulthandler.enable()\nctypes.string_at(0)",
        "python script.py 2>&1 | grep -v -e modules -e '^$'",
    ),
    "interrupted by itself": script(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(1)",
        after="echo $?",
    ),
    "raised interrupt": script("raise KeyboardInterrupt('now')", after="echo $?"),
    # In the foreground only the program gets the signal: else it gets a second one while it ends.
    "interrupt caught": "timeout --foreground -s INT 0.5 python -c 'import time\ntry:\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    print(\"caught\")'; echo $?",
    "terminated": "timeout 0.5 python -c 'import time; time.sleep(20)'; echo $?",
    "terminated with handler": script(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *a: (print('term', a[0]), sys.exit(6)))\nopen('up', 'w')\ntime.sleep(20)",
        f"{_TERMINATED.format('python')}; {_TERMINATED.format('python -u')}",
    ),
    "user signals": script(
        "import signal, time\nsignal.signal(signal.SIGUSR1, lambda *a: print('one'))\nprint('up', flush=True)\nsignal.pause()",
        "python script.py > log & pid=$!; until grep -qs up log; do sleep 0.05; done; kill -USR1 $pid; wait $pid; echo $?; cat log",
    ),
    "killed from outside": "python -c 'import time; time.sleep(20)' & sleep 0.5; kill -9 $!; wait $!; echo $?",
    "killed by name": script(
        "import time; open('up', 'w'); time.sleep(20)",
        "python script.py & until [ -e up ]; do sleep 0.02; done; pkill -f script.py; wait $!; echo $?",
    ),
    "ignored signals": script(
        "import signal\nprint(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP))",
        "python script.py & wait; trap '' HUP; python script.py; nohup python script.py 2>/dev/null",
    ),
    "a child's signals": script(
        "import subprocess\nprint(subprocess.run(['bash', '-c', 'trap; kill -PIPE $$']).returncode)"
    ),
    # --------------------------------------------------------------------------- input and output
    "interleaving": script(
        "import os, sys\nfor n in range(3):\n    print('out', n)\n    print('err', n, file=sys.stderr)\n    os.write(1, b'raw\\n')"
    ),
    "interleaving unbuffered": script(
        "import os, sys\nfor n in range(3):\n    print('out', n)\n    print('err', n, file=sys.stderr)\n    os.write(1, b'raw\\n')",
        "python -u script.py",
    ),
    "input": script(
        "print(input('name? '))\nprint(input())\ninput()",
        "printf 'a\\nb\\n' | python script.py; echo $?",
    ),
    "input bytes": script(
        "import sys\nprint(sys.stdin.buffer.read())", "printf 'a\\r\\nb\\xff' | python script.py"
    ),
    "input text": script(
        "import sys\nprint(ascii(sys.stdin.read()))", "printf 'a\\r\\nb\\xff' | python script.py"
    ),
    "no input": script("import sys\nprint(repr(sys.stdin.read()))"),
    "odd output": code('print("\\udcff\\u20ac")'),
    "odd output refused": code('print("\\ud800")') + "; echo $?",
    "output to a file": script(
        "print(1)\nimport sys; print(sys.stdout.tell(), sys.stdout.seekable())",
        "echo 0 > f; python script.py >> f; cat f",
    ),
    "carriage returns": code('print("a\\r\\nb", end="")') + " | od -c",
    # ----------------------------------------------------------------------- what it starts with
    "state": script(_STATE),
    "state in background": script(_STATE, "python script.py > log & wait; cat log"),
    "environment": script(
        "import os\nfor n in ('A', 'HOME', 'TZ', 'é'): print(ascii(os.environ.get(n)), os.getenv(n) == os.environ.get(n))\n"
        "os.environ['B'] = '2'; del os.environ['A']\nos.system('echo $A-$B')\nprint(os.path.expanduser('~'))",
        "A=1 HOME=/nowhere é=ü python script.py",
    ),
    "time zone": script(
        "import time, datetime\nprint(time.tzname, datetime.datetime.fromtimestamp(0))",
        "TZ=Asia/Tokyo python script.py; python script.py",
    ),
    "umask and nice": script(
        "import os\nopen('made', 'w')\nprint(oct(os.stat('made').st_mode), os.nice(0), oct(os.umask(0)))",
        "umask 077; nice -n 5 python script.py",
    ),
    "removed folder": "mkdir g; cd g; rmdir ../g; python -c 'import os\ntry:\n    os.getcwd()\nexcept OSError as e:\n    print(e)'",
    "deep folder": script(
        "import os; print(os.getcwd())", "mkdir -p a/é/c; cd a/é/c; python ../../../script.py"
    ),
    "frames": script(
        "import sys, traceback, inspect\nprint(sys._getframe().f_back, len(inspect.stack()))\ntraceback.print_stack()"
    ),
    "stack level of warnings": script(
        "import warnings\nwarnings.warn('w', stacklevel=2)\nwarnings.warn('v')\nwarnings.warn('v', DeprecationWarning)"
    ),
    "warnings filters": script(
        "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('w')"
    ),
    "logging": script(
        "import logging\nprint(logging.getLogger().handlers, logging.root.level)\nlogging.warning('careful')\nlogging.info('x')\n"
        "logging.basicConfig(level='INFO')\nlogging.info('y')\nlogging.getLogger('a.b').error('z')"
    ),
    "hash seed": script("print(hash('a'), {'b', 'a', 'c', 'x', 'y'})"),
    "seeded random numbers": script(
        "import random, numpy as np\nrandom.seed(1); np.random.seed(1)\nprint(random.random(), np.random.rand(), np.random.default_rng(1).random())"
    ),
    "site": script(
        "import site, sysconfig\nprint(site.USER_SITE, site.USER_BASE, site.ENABLE_USER_SITE, site.getsitepackages(), sysconfig.get_paths())"
    ),
    "locale": script(
        "import locale, sys\nprint(locale.getlocale(), locale.getpreferredencoding(), locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding())"
    ),
    "main module": script(
        "import __main__, sys\nprint(__main__ is sys.modules['__main__'], __main__.__dict__ is globals(), '__annotations__' in globals())\nx: int = 1\nprint(__annotations__)"
    ),
    "pickle": script(
        "import pickle\nclass A:\n    pass\nprint(pickle.loads(pickle.dumps(A)) is A, A.__module__, A)"
    ),
    "inspect source": script(
        "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f), inspect.getfile(f))"
    ),
    "help": "python -c 'import sys; print(quit, exit, copyright.__class__, sys.ps1 if hasattr(sys, \"ps1\") else None)'",
    "original arguments": script(
        "import sys; print(sys.orig_argv)",
        "python script.py a; python3 -c 'import sys; print(sys.orig_argv, sys.executable)' b",
    ),
    "other names": "python3 -c 'import sys; print(sys.executable)'; python3.11 -c 'import sys; print(sys.executable)'",
    "destructors use globals": script(
        "import os\nclass A:\n    def __del__(self):\n        print('gone', os.path.basename('a/b'), later)\na = A()\nlater = 3"
    ),
    "callback from C": script(
        "import ctypes\nf = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n: n + 1)\nprint(f(2))"
    ),
    "frames of threads": script("import sys\nprint(len(sys._current_frames()))"),
    "garbage": script(
        "import gc\nprint(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage)"
    ),
    # ------------------------------------------------------------------------------- modules
    "local module": script(
        "import helper\nprint(helper.__file__, helper.x)", before="echo 'x = 1' > helper.py"
    ),
    "local module like a standard one": script(
        "import statistics, random\nprint(statistics.x, random.__file__)",
        before="echo 'x = 1' > statistics.py",
    ),
    "local module like a preloaded one": script(
        "import pandas\nprint(pandas.x)", before="echo 'x = 1' > pandas.py"
    ),
    "local package like a preloaded one": script(
        "import sklearn\nprint(sklearn.x)",
        before="mkdir sklearn; echo 'x = 1' > sklearn/__init__.py",
    ),
    "local module like one that is always there": script(
        "import os\nprint(os.__name__)", before="echo 'x = 1' > os.py"
    ),
    "shadow in the current folder": "echo 'x = 1' > numpy.py; python -c 'import numpy; print(numpy.x)'; mkdir d; echo 'import numpy; print(numpy.pi)' > d/s.py; python d/s.py",
    "path changed": script(
        "import sys\nsys.path.insert(0, 'lib')\nimport helper\nprint(helper.x)",
        before="mkdir lib; echo 'x = 2' > lib/helper.py",
    ),
    "missing module": script("import nothing_of_this_name", after="echo $?"),
    "missing submodule": script("import pandas.nothing", after="echo $?"),
    "missing name": script("from sklearn.ensemble import NoSuchForest", after="echo $?"),
    "mle_gym is not there": script("import mle_gym", after="echo $?"),
    "reload": script("import importlib, json\nprint(importlib.reload(json) is json)"),
    "versions": script(
        "import numpy, pandas, scipy, sklearn, joblib\nfor m in (numpy, pandas, scipy, sklearn, joblib): print(m.__name__, m.__version__, m.__file__)"
    ),
    # ------------------------------------------------------------------ processes and threads
    "multiprocessing by fork": script(_MULTIPROCESSING.format(method="fork")),
    "multiprocessing by spawn": script(_MULTIPROCESSING.format(method="spawn")),
    "multiprocessing by server": script(_MULTIPROCESSING.format(method="forkserver")),
    "subprocess": script(
        "import subprocess, sys\nprint(subprocess.run(['echo', 'hi'], capture_output=True))\n"
        "print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv, sys.path[0])', 'x'], capture_output=True))\n"
        "print(subprocess.check_output('python -c \"print(1)\"; cat', shell=True, input=b'in'))"
    ),
    "threads": script(
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as e: print(list(e.map(abs, range(-5, 0))))"
    ),
    "process pool": script(
        "from concurrent.futures import ProcessPoolExecutor\nif __name__ == '__main__':\n    with ProcessPoolExecutor(2) as e: print(list(e.map(abs, range(-5, 0))))"
    ),
    "asyncio": script(
        "import asyncio\nasync def main():\n    p = await asyncio.create_subprocess_exec('echo', 'hi')\n    print(await p.wait())\nasyncio.run(main())"
    ),
    "joblib": script(
        "from joblib import Parallel, delayed, cpu_count\nprint(Parallel(n_jobs=2)(delayed(abs)(n) for n in range(-5, 0)), cpu_count())"
    ),
    "own session": script("import os\nprint(os.setsid() == os.getpid())"),
    "pipeline": "echo 3 | python -c 'print(int(input()) + 1)' | python -c 'print(int(input()) * 2)'",
    "nested": 'python -c \'import os; os.system("python -c \\"print(2)\\"")\'',
    # --------------------------------------------------------------------------- numerical work
    "linear algebra": script(
        "import numpy as np\na = np.random.default_rng(0).random((300, 300))\nprint(np.linalg.svd(a)[1][:5], (a @ a).sum())"
    ),
    "forest": script(
        "from sklearn.datasets import make_classification\nfrom sklearn.ensemble import RandomForestClassifier\n"
        "x, y = make_classification(200, random_state=0)\n"
        "m = RandomForestClassifier(20, random_state=0, n_jobs=2).fit(x, y)\nprint(m.score(x, y), m.feature_importances_)"
    ),
    "boosting": script(
        "from sklearn.datasets import make_regression\nfrom sklearn.ensemble import HistGradientBoostingRegressor\n"
        "x, y = make_regression(300, random_state=0)\nprint(HistGradientBoostingRegressor(max_iter=10, random_state=0).fit(x, y).predict(x)[:5])"
    ),
    "boosting with two threads": script(
        "from sklearn.datasets import make_regression\nfrom sklearn.ensemble import HistGradientBoostingRegressor\n"
        "from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as n\n"
        "x, y = make_regression(300, random_state=0)\nprint(n(), HistGradientBoostingRegressor(max_iter=10, random_state=0).fit(x, y).predict(x)[:5])",
        "OMP_NUM_THREADS=2 python script.py",
    ),
    "tables": script(
        "import pandas as pd\nd = pd.DataFrame({'a': [1, 2, None], 'b': list('xyz')})\nprint(d.describe(include='all'), d.dtypes)\n"
        "d.to_csv('d.csv', index=False)\nprint(pd.read_csv('d.csv').groupby('b').sum(), pd.get_option('display.width'))"
    ),
}
"""Each runs in an empty workspace."""
