"""Other names of tools and of their fields, by which scaffolds and models call them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FIELD_NAMES", "PREFIXES", "TOOL_NAMES"]

PREFIXES = ("functions.", "default_api.", "tools.", "mcp__mle-gym__")
"""What models and clients put before a tool's name."""

_EDITOR = "str_replace_based_edit_tool"

TOOL_NAMES: Mapping[str, str] = {
    "shell": "bash",
    "sh": "bash",
    "terminal": "bash",
    "cmd": "bash",
    "exec": "bash",
    "exec_command": "bash",
    "execute": "bash",
    "execute_bash": "bash",
    "execute_command": "bash",
    "container.exec": "bash",
    "local_shell": "bash",
    "run": "bash",
    "run_bash": "bash",
    "run_command": "bash",
    "run_shell_command": "bash",
    "run_terminal_cmd": "bash",
    "python3": "python",
    "ipython": "python",
    "jupyter": "python",
    "jupyter_cell": "python",
    "notebook": "python",
    "notebook_cell": "python",
    "cell": "python",
    "run_cell": "python",
    "execute_cell": "python",
    "run_python": "python",
    "run_python_code": "python",
    "execute_python": "python",
    "execute_python_code": "python",
    "execute_ipython": "python",
    "execute_ipython_cell": "python",
    "ipython_cell": "python",
    "run_ipython": "python",
    "python_exec": "python",
    "python_interpreter": "python",
    "python_repl": "python",
    "python_tool": "python",
    "code_interpreter": "python",
    "run_code": "python",
    "execute_code": "python",
    "str_replace_editor": _EDITOR,
    "text_editor": _EDITOR,
    "file_editor": _EDITOR,
    "write": "write_file",
    "create_file": "write_file",
    "write_to_file": "write_file",
    "save_file": "write_file",
    "edit": "edit_file",
    "replace": "edit_file",
    "search_replace": "edit_file",
    "replace_in_file": "edit_file",
    "read": "read_file",
    "open_file": "read_file",
    "view": "read_file",
    "view_file": "read_file",
    "cat": "read_file",
    "ls": "list_files",
    "list_dir": "list_files",
    "list_directory": "list_files",
    "finish": "submit",
    "complete": "submit",
    "done": "submit",
    "attempt_completion": "submit",
}
"""Name, in lower case, to our tool."""

_PATHS = {"file_path": "path", "filename": "path", "file": "path", "filepath": "path",
          "target_file": "path", "absolute_path": "path"}  # fmt: skip

FIELD_NAMES: Mapping[str, Mapping[str, str]] = {
    "bash": {
        "cmd": "command",
        "script": "command",
        "code": "command",
        "timeout_seconds": "timeout",
        "timeout_s": "timeout",
    },
    "python": {
        "cell": "code",
        "command": "code",
        "input": "code",
        "query": "code",
        "script": "code",
        "source": "code",
        "timeout_seconds": "timeout",
        "timeout_s": "timeout",
    },
    _EDITOR: {"content": "file_text", "old_string": "old_str", "new_string": "new_str", **_PATHS},
    "apply_patch": {"patch": "input", "diff": "input"},
    "think": {"thoughts": "thought", "text": "thought", "content": "thought"},
    "write_file": {
        "contents": "content", "file_text": "content", "text": "content", "code": "content",
        "code_content": "content", **_PATHS,
    },
    "edit_file": {
        "old_str": "old", "old_string": "old", "old_text": "old", "search": "old",
        "new_str": "new", "new_string": "new", "new_text": "new", "replace": "new", **_PATHS,
    },
    "read_file": {"offset": "start", "start_line": "start", "limit": "lines", **_PATHS},
    "list_files": {"directory": "path", "dir": "path", "dir_path": "path", "folder": "path",
                   "target_directory": "path"},
    "validate": _PATHS,
    "score": _PATHS,
    "submit": _PATHS,
}  # fmt: skip
"""By tool: other names of its fields."""
