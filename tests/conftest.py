"""What every test stands on: no screen, no network, nobody's real settings, and the real films where they are there."""

import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Before Qt is imported by anything: no test needs a screen, and none may open a window on one.
os.environ["QT_QPA_PLATFORM"] = "offscreen"
# Before torch is: two test processes on two cores, each with two threads that wait by spinning, take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every run and machine: main always passes, and a search for new ones is a choice.
# HYPOTHESIS_PROFILE=search looks further.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

_SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"


def _private_home() -> tempfile.TemporaryDirectory[str]:
    """Point everything that a program keeps for its user at a folder that goes when the tests end.

    At import, not in a fixture: some libraries read these once, when they are imported.
    """
    folder = tempfile.TemporaryDirectory(prefix="lungbox-tests-", ignore_cleanup_errors=True)
    home = Path(folder.name)
    places = {
        "HOME": home,
        "USERPROFILE": home,
        "APPDATA": home / "AppData/Roaming",
        "LOCALAPPDATA": home / "AppData/Local",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_STATE_HOME": home / ".local/state",
        "XDG_RUNTIME_DIR": home / ".runtime",
    }
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[name] = str(place)
    return folder


_HOME = _private_home()


def pytest_unconfigure() -> None:
    """Remove the private home."""
    _HOME.cleanup()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of real films beside the checkout; a test that asks for it is marked `shared`."""
    if not (_SHARED / "data").is_dir():
        pytest.skip("the real films (../shared/data) are not here")
    return _SHARED.resolve()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that tries to reach anything but this machine."""
    attempts: list[str] = []

    def guarded(name: str) -> None:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, address: object) -> object:
            if not _is_local(self.family, address):
                attempts.append(f"{name} to {address!r}")
                raise PermissionError("tests may not use the network")
            return real(self, address)

        monkeypatch.setattr(socket.socket, name, call)

    for name in ("connect", "connect_ex", "bind"):
        guarded(name)
    real_sendto = socket.socket.sendto

    def sendto(self: socket.socket, data: bytes, *rest: object) -> int:
        if not _is_local(self.family, rest[-1]):
            attempts.append(f"sendto {rest[-1]!r}")
            raise PermissionError("tests may not use the network")
        return real_sendto(self, data, *rest)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(socket.socket, "sendto", sendto)
    real_lookup = socket.getaddrinfo

    def lookup(host: bytes | str | None, *rest: object, **named: object) -> object:
        if not _is_local(socket.AF_INET, (host,)):
            attempts.append(f"look-up of {host!r}")
            raise PermissionError("tests may not use the network")
        return real_lookup(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    yield
    # Also where the code under test swallowed the error.
    assert not attempts, f"the test used the network: {attempts}"


def _is_local(family: int, address: object) -> bool:
    """Return whether an address stays on this machine."""
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return True  # Unix sockets, socket pairs
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        return False
