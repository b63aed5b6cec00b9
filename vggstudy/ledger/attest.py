"""What others attest: time stamps by openssl, signatures by ssh-keygen, commits by git.

The programs are called where they are there, with files as data and without a shell. None of these
calls connects anywhere: a request is written for its author to send, a response is read from a
file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vggstudy.errors import LedgerError

TIMEOUT_S = 30
NAMESPACE = "vggstudy"
"""What a signature is for: ssh-keygen refuses one that was made for something else."""

_STAMPED = re.compile(rb"^Time stamp: (.+)$", re.MULTILINE)
_TSA = re.compile(rb"^TSA: (.+)$", re.MULTILINE)
_SIGNED = re.compile(rb'Good "vggstudy" signature (?:for (.+) )?with (\S+) key (SHA256:\S+)')


@dataclass(frozen=True, slots=True)
class Attested:
    """What came of checking something that others attest.

    Attributes
    ----------
    holds : bool or None
        None where it cannot be told here: a program or certificates are missing.
    reason : str
        Why it does not hold, or cannot be told.
    by : str
        Who attests it: the authority's name, the key's fingerprint.
    at : str
        When, ISO 8601 in UTC; empty where nothing says so.
    """

    holds: bool | None
    reason: str = ""
    by: str = ""
    at: str = ""


def program(name: str) -> str | None:
    """Path of a program; None where it is not installed."""
    return shutil.which(name)


def time_stamp_request(data: Path) -> bytes | None:
    """A request of a time stamp on a file (RFC 3161); None without openssl.

    Raises
    ------
    LedgerError
        If openssl cannot make one.
    """
    openssl = program("openssl")
    if openssl is None:
        return None
    done = _call([openssl, "ts", "-query", "-data", str(data.resolve()), "-sha256", "-cert"])
    if done.returncode or not done.stdout:
        raise LedgerError(f"openssl makes no time stamp request: {_words(done)}")
    return done.stdout


def check_time_stamp(data: Path, response: Path, certificates: Path | None) -> Attested:
    """Whether a time-stamping authority's response is about a file, and its signature holds.

    Parameters
    ----------
    data, response : Path
    certificates : Path or None
        The authority's certificates up to one that is trusted, in PEM.
    """
    openssl = program("openssl")
    if openssl is None:
        return Attested(None, "openssl is not installed here")
    # Only what the authority signed is read, without the status around it.
    reply = [openssl, "ts", "-reply", "-in"]
    token = _call([*reply, str(response.resolve()), "-token_out"])
    shown = _call([*reply, "/dev/stdin", "-token_in", "-text"], token.stdout)
    stamped = _STAMPED.search(shown.stdout)
    if token.returncode or shown.returncode or stamped is None:
        failed = token if token.returncode else shown
        return Attested(False, f"it is no time stamp response: {_words(failed)}")
    at, named = _moment(stamped[1]), _TSA.search(shown.stdout)
    by = named[1].decode("utf-8", "replace").strip() if named else ""
    if at is None:
        return Attested(False, "its time cannot be read")
    when = at.isoformat(timespec="seconds")
    if certificates is None or not certificates.is_file():
        return Attested(None, "the authority's certificates are not there", by, when)
    trusted = str(certificates.resolve())
    done = _call(
        [
            *(openssl, "ts", "-verify", "-data", str(data.resolve())),
            *("-in", str(response.resolve()), "-CAfile", trusted, "-untrusted", trusted),
            *("-attime", str(int(at.timestamp()))),
        ]
    )
    if done.returncode:
        return Attested(False, _words(done), by, when)
    return Attested(True, "", by, when)


def sign(data: Path, key: Path) -> Path:
    """Sign a file with an SSH key; returns the file of the signature, ``<name>.sig``.

    Raises
    ------
    LedgerError
        If ssh-keygen is not installed or does not sign.
    """
    keygen = program("ssh-keygen")
    if keygen is None:
        raise LedgerError("a signature needs ssh-keygen (OpenSSH 8.1 or later), which is not here")
    signature = data.with_name(f"{data.name}.sig")
    signature.unlink(missing_ok=True)
    command = [keygen, "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(data.resolve())]
    done = subprocess.run(command, capture_output=False, stdout=subprocess.DEVNULL, check=False)
    if done.returncode or not signature.is_file():
        raise LedgerError(f"ssh-keygen did not sign {data} with {key}")
    return signature


def check_signature(data: bytes, signature: Path, signers: Path | None) -> Attested:
    """Whether a signature is of these bytes, and whose.

    Parameters
    ----------
    data : bytes
    signature : Path
    signers : Path or None
        Whom the caller believes, as ssh-keygen's ALLOWED SIGNERS; without it the key is named
        and belongs to anybody.
    """
    keygen = program("ssh-keygen")
    if keygen is None:
        return Attested(None, "ssh-keygen is not installed here")
    where = ["-n", NAMESPACE, "-s", str(signature.resolve())]
    if signers is None:
        done = _call([keygen, "-Y", "check-novalidate", *where], data)
    else:
        allowed = ["-f", str(signers.resolve())]
        found = _call([keygen, "-Y", "find-principals", *allowed, *where[2:]])
        names = found.stdout.decode("utf-8", "replace").split()
        if found.returncode or not names:
            return Attested(False, f"none of {signers} made it")
        done = _call([keygen, "-Y", "verify", *allowed, "-I", names[0], *where], data)
    good = _SIGNED.search(done.stdout)
    if done.returncode or good is None:
        return Attested(False, _words(done))
    who = good[1].decode("utf-8", "replace") if good[1] else ""
    return Attested(True, "", " ".join(filter(None, (who, good[3].decode()))))


def check_commit(content: bytes, commit: str, repository: Path) -> Attested:
    """Whether a commit of a repository that the caller trusts holds a file of this content."""
    git = program("git")
    if git is None:
        return Attested(None, "git is not installed here")
    base = [git, "-C", str(repository), "-c", "protocol.allow=never", "--no-optional-locks"]
    made = _call([*base, "hash-object", "--stdin"], content)
    listed = _call([*base, "ls-tree", "-r", "--format=%(objectname)", f"{commit}^{{commit}}"])
    if made.returncode or listed.returncode:
        return Attested(False, _words(made if made.returncode else listed))
    if made.stdout.strip() not in listed.stdout.split():
        return Attested(False, "the commit holds no such file")
    shown = _call([*base, "show", "-s", "--format=%cI", commit])
    return Attested(True, "", f"git commit {commit}", shown.stdout.decode().strip())


def _call(command: list[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Call a program with data; one that is late or missing has failed."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC", "GIT_NO_LAZY_FETCH": "1"}
    try:
        return subprocess.run(
            command,
            input=data,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, b"", str(error).encode())


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last thing that a program said."""
    lines = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    telling = [line for line in said if "error" in line.lower() or "fail" in line.lower()]
    return ((telling or said or ["it says nothing"])[-1])[:200]


def _moment(text: bytes) -> datetime | None:
    """``Nov 28 09:22:25 2026 GMT``."""
    words = text.decode("ascii", "replace").replace(" GMT", "").strip()
    words = re.sub(r"\.\d+", "", words)
    try:
        return datetime.strptime(words, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
