"""Using the network: this machine, its network, name servers, metadata services."""

from __future__ import annotations

import contextlib
import socket

from mle_gym.sandbox import SandboxConfig
from tests.sandbox.conftest import start
from tests.security.arena import Arena
from tests.security.attack import Attack, python, shell
from tests.security.bait import own_address
from tests.security.suites import both_ways

CALL = """
s = socket.socket(socket.{family}, socket.{kind})
s.settimeout(2)
s.connect(("{address}".format(**V), int(V["{port}"])))
s.send(b"hello")
seen(s.recv(100))
"""


def calls(name: str, address: str, kind: str = "SOCK_STREAM", family: str = "AF_INET") -> Attack:
    port = "PORT" if kind == "SOCK_STREAM" else "UDP_PORT"
    return python(name, CALL.format(family=family, kind=kind, address=address, port=port))


def odd(name: str, arguments: str) -> Attack:
    program = f"socket.socket({arguments}); pwned()"
    return python(name, program, "without filter", optional=True)


ATTACKS = [
    calls("a server of this machine", "127.0.0.1"),
    calls("a server of this machine by its address", "{ADDRESS}"),
    calls("datagrams to this machine", "127.0.0.1", "SOCK_DGRAM"),
    calls("datagrams to its address", "{ADDRESS}", "SOCK_DGRAM"),
    shell("bash's own client", "exec 3<>/dev/tcp/127.0.0.1/$PORT && head -c 64 <&3 | seen"),
    # Sends nothing: to connect a datagram socket the kernel needs a route.
    python(
        "a route to name servers, metadata services and the rest",
        """
        for address in ("8.8.8.8", "169.254.169.254", "192.0.2.1", "10.0.0.1", "100.100.100.200"):
            with socket.socket(type=socket.SOCK_DGRAM) as s:
                try:
                    s.connect((address, 53))
                    pwned()
                except OSError:
                    pass
        """,
        "with network",
    ),
    python(
        "other network interfaces",
        "pwned(any(name != 'lo' for _, name in socket.if_nameindex() if name[:3] == 'eth'))",
        "with network",
    ),
    python(
        "raw packets",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); pwned()",
        root=True,
    ),
    python("raw datagrams", "socket.socket(2, socket.SOCK_RAW, 1); pwned()", root=True),
    odd("virtual machines' sockets", "40, 1"),
    odd("the kernel's ciphers", "38, 5"),
    odd("clusters' sockets", "30, 1"),
    python("netlink to firewalls", "socket.socket(16, 3, 12); pwned()", "without filter"),
]


test_it_fails, test_it_works_without_the_defence = both_ways(ATTACKS)


LISTEN = """
python3 -I -S - <<'END' >/dev/null 2>&1 &
import socket, time
server = socket.create_server(("0.0.0.0", {port}))
open("listening", "w").close()
server.accept()[0].sendall(b"hello from inside")
END
while [ ! -e listening ]; do sleep 0.02; done
"""


def test_nobody_can_call_what_listens_inside(isolating_backend: str) -> None:
    assert heard_from(isolating_backend) == b""


def test_without_isolation_it_could_be_called() -> None:
    assert heard_from("subprocess") == b"hello from inside"


def heard_from(backend: str) -> bytes:
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    with start(backend, SandboxConfig()) as sandbox:
        assert sandbox.execute(LISTEN.format(port=port), timeout=20).exit_code == 0
        for address in ("127.0.0.1", own_address()):
            with (
                contextlib.suppress(OSError),
                socket.create_connection((address, port), timeout=2) as client,
            ):
                return client.recv(100)
    return b""


def test_names_are_not_resolved(arena: Arena) -> None:
    program = "import socket; print(socket.getaddrinfo('example.com', 80))"
    output = arena.run(f'python3 -I -S -c "{program}" 2>&1 | tail -1')
    assert "gaierror" in output
