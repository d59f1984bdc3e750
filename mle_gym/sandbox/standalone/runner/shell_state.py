"""What carries over from one shell to the next: its folder, its variables and its functions.

Options (``set -e`` would end the next command early), aliases, traps, and what bash counts or sets
by itself don't carry over.

The state is what ``declare`` prints: bash quotes it, and bash reads it back. Printing and reading
all of it takes a fifth of the time of a trivial command. So commands that have no plain variables
or functions, and can't make any, save only what is exported.
"""

from __future__ import annotations

LARGEST_STATE = 1 << 24
"""The most bytes of state that a shell may leave; if there are more, nothing carries over."""
LARGEST_REST = 1 << 20
"""The most bytes of variables and functions that later commands have to read; if there are more,
only what is exported carries over."""

_COUNTED = "POSIXLY_CORRECT RANDOM SECONDS LINENO OPTIND IFS BASH_ARGV0"
"""Variables that would change how the next bash counts or reads."""
_PLUMBING = "eval set trap unset declare printf echo builtin command exec export ."
"""Functions with these names don't carry over, because they would hide what our own lines call."""

_FOLDER_AND_EXPORTED = 'printf "%s\\0" "$PWD"; declare -px; '
SAVE_EXPORTED = _FOLDER_AND_EXPORTED + 'printf "\\0\\0"; '
SAVE_ALL = (
    # In POSIX mode, no function hides the built-ins that remove it.
    f"POSIXLY_CORRECT=; set +eux; unset -f {_PLUMBING}; unset -v {_COUNTED}; "
    + _FOLDER_AND_EXPORTED
    + 'printf "\\0"; declare -p; declare -f; declare -Fx; printf "\\0"; '
)
"""Commands of bash that print the folder, what is exported, and all variables and functions (or
nothing), each with a NUL behind it."""

_OWN = frozenset(
    b"BASH BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_COMMAND "
    b"BASH_EXECUTION_STRING BASH_LINENO BASH_LOADABLES_PATH BASH_MONOSECONDS BASH_SOURCE "
    b"BASH_SUBSHELL BASH_TRAPSIG BASH_VERSINFO BASH_VERSION COMP_WORDBREAKS DIRSTACK EPOCHREALTIME "
    b"EPOCHSECONDS EUID FUNCNAME GLOBSORT GROUPS HISTCMD HOSTNAME HOSTTYPE MACHTYPE OPTARG OPTERR "
    b"OSTYPE PIPESTATUS PPID PS4 SHELL SHELLOPTS SRANDOM TERM UID _".split()
)
"""Variables that every bash has by itself."""

_SEPARATORS = bytes.maketrans(b";&|{}!\n\t'\"", b" " * 10)
_MAKERS = frozenset(
    b". coproc declare eval for function getopts let mapfile printf read readarray select source "
    b"typeset unset wait".split()
)
"""Words that can make, change or remove a variable or a function without ``=`` or a parenthesis."""


def can_make_state(script: bytes) -> bool:
    """Whether a script may leave a plain variable or a function behind."""
    if b"=" in script or b"(" in script or b"`" in script:
        return True
    return not _MAKERS.isdisjoint(script.translate(_SEPARATORS).split())


def to_carry(exported: bytes, everything: bytes) -> bytes:
    """What the next shell reads, of what the last one printed."""
    if len(everything) > LARGEST_REST or not has_rest(everything):
        return exported
    return everything


def has_rest(state: bytes) -> bool:
    """Whether there is a function, or a variable that is neither exported nor bash's own."""
    for line in state.splitlines():
        word, _, rest = line.partition(b" ")
        flags, _, assignment = rest.partition(b" ")
        if word != b"declare" or flags[:1] != b"-":
            return True  # a line of a function, or of a value that has several
        if b"x" not in flags and assignment.partition(b"=")[0] not in _OWN:
            return True
    return False
