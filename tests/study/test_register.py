"""A receipt tells what was registered when, and what others attest of it is checked."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger.attest import check_time_stamp
from vggstudy.ledger.receipt import beside, digest_of, read_receipt, receipt_files
from vggstudy.ledger.sealed import seal
from vggstudy.study.basis import basis_of
from vggstudy.study.register import register
from vggstudy.study.study import Study

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

AUTHORITY = """\
[tsa]
default_tsa = own
[own]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
tsa_name = yes
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A time-stamping authority of its own, in a folder."""
    folder = tmp_path_factory.mktemp("authority")
    (folder / "conf").write_text(AUTHORITY)
    (folder / "serial").write_text("01\n")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    made = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl("req", "-x509", *made, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root")
    openssl("req", *made[:3], "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamps")
    signed = ("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2")
    openssl(*signed, "-CAcreateserial", "-extfile", "conf", "-extensions", "ext", "-out", "tsa.pem")
    return folder


@pytest.fixture
def stamp(authority: Path, tmp_path: Path) -> Callable[[Path], Path]:
    """Answers a request."""

    def answer(request: Path) -> Path:
        response = tmp_path / "answer.tsr"
        subprocess.run(
            [
                *("openssl", "ts", "-reply", "-queryfile", str(request.resolve())),
                *("-signer", "tsa.pem", "-inkey", "tsa.key", "-config", "conf"),
                *("-out", str(response)),
            ],
            cwd=authority,
            check=True,
            capture_output=True,
        )
        return response

    return answer


@pytest.fixture
def planned(tmp_path: Path, tricks: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A protocol file with a hypothesis; no study of it yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forty.toml").write_text(tricks.text + tricks.hypothesis)
    return tmp_path / "studies" / "forty"


def said(cli: Any, folder: Path, *more: Any) -> str:
    code, text = cli("verify", folder, *more)
    assert code == 0, text
    return str(text)


def test_registering_a_protocol_makes_the_study_and_a_receipt(planned: Path, cli: Any) -> None:
    code, text = cli("register", "forty.toml")
    assert code == 0
    (path,) = receipt_files(planned)
    assert digest_of(path) in text
    receipt = read_receipt(path)
    study = Study.open(planned)
    assert (receipt.planned, receipt.recorded) == (40, 0)
    assert receipt.protocol == study.protocol.digest()
    assert set(receipt.hypotheses) == {"H1"}
    assert receipt.root == basis_of(study).root
    assert "when 0 runs were recorded" in said(cli, planned)


def test_the_same_is_registered_once_and_a_change_again(
    planned: Path, cli: Any, tricks: Any
) -> None:
    cli("register", "forty.toml")
    cli("register", planned)
    assert len(receipt_files(planned)) == 1
    Path("forty.toml").write_text(tricks.text)
    cli("register", "forty.toml")
    assert len(receipt_files(planned)) == 2
    assert len(Study.open(planned).store().amendments) == 1


@needs_openssl
def test_a_time_stamp_is_kept_and_checked(
    planned: Path, cli: Any, stamp: Any, authority: Path, tricks: Any
) -> None:
    cli("register", "forty.toml")
    (path,) = receipt_files(planned)
    response = stamp(beside(path, ".tsq"))
    code, text = cli(
        *("register", planned, "--response", response, "--certificates", authority / "ca.pem")
    )
    assert code == 0, text
    study = Study.open(planned)
    for run in study.plan.runs[:7]:
        type(study.store()).open(planned).write_record(tricks.record_of(run))
    type(study.store()).open(planned).write_record(
        tricks.record_of(study.plan.runs[7], start="2001-01-01T00:00:00")
    )
    text = said(cli, planned)
    assert "time-stamped on" in text
    assert "CN=Stamps" in text.replace(" ", "")
    assert "when 1 of 8 runs had begun" in text
    assert "time-stamped" in said(cli, planned, "--authority", authority / "ca.pem")
    # Without the certificates it cannot be told; by other ones it does not hold.
    assert cli("verify", planned, "--authority", authority / "tsa.pem")[0] == 3
    beside(path, ".pem").unlink()
    assert "cannot be checked" in said(cli, planned)


@needs_openssl
def test_a_time_stamp_of_something_else_is_refused_and_named(
    planned: Path, cli: Any, stamp: Any, authority: Path, tricks: Any
) -> None:
    cli("register", "forty.toml")
    response = stamp(beside(receipt_files(planned)[0], ".tsq"))
    Path("forty.toml").write_text(tricks.text)
    cli("register", "forty.toml")
    newest = receipt_files(planned)[-1]
    given = ("--response", response, "--certificates", authority / "ca.pem")
    code, text = cli("register", planned, *given)
    assert (code, "is no time stamp of" in text) == (3, True)
    assert not beside(newest, ".tsr").exists()
    shutil.copy(response, beside(newest, ".tsr"))
    shutil.copy(authority / "ca.pem", beside(newest, ".pem"))
    code, text = cli("verify", planned)
    assert (code, "does not hold" in text) == (3, True)


@needs_openssl
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"Time stamp: Jan  1 00:00:00 2001 GMT\n"])
def test_what_is_no_response_does_not_hold(content: bytes, tmp_path: Path, authority: Path) -> None:
    (tmp_path / "data").write_bytes(b"x")
    (tmp_path / "bad").write_bytes(content)
    found = check_time_stamp(tmp_path / "data", tmp_path / "bad", authority / "ca.pem")
    assert found.holds is False


@needs_git
def test_a_commit_is_a_witness_where_the_reader_has_its_repository(
    planned: Path, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    cli("register", "forty.toml")
    (path,) = receipt_files(planned)
    repository = tmp_path / "repository"

    def git(*words: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@b")
        command = ["git", "-C", str(repository), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    repository.mkdir()
    git("init", "-q")
    (repository / "other").write_text("x")
    git("add", ".")
    git("commit", "-q", "-m", "before")
    without = git("rev-parse", "HEAD")
    shutil.copy(path, repository / "receipt.json")
    git("add", ".")
    git("commit", "-q", "-m", "registered")
    commit = git("rev-parse", "HEAD")
    cli("register", planned, "--witness", f"git:{commit}", "--witness", "doi:10.5281/zenodo.1")
    text = said(cli, planned)
    assert text.count("not looked up") == 2
    text = said(cli, planned, "--repository", repository)
    assert f"held by git commit {commit}" in text
    cli("register", planned, "--witness", f"git:{without}")
    assert "the commit holds no such file" in said(cli, planned, "--repository", repository)


def test_what_is_no_witness_is_refused(planned: Path, cli: Any) -> None:
    code, text = cli("register", "forty.toml", "--witness", "doi:10.1234/x")
    assert (code, "register it first" in text) == (5, True)
    cli("register", "forty.toml")
    for word in ("git:abc", "doi:x", "http://example.org", "git:--help"):
        code, text = cli("register", planned, "--witness", word)
        assert (code, "a witness is git:COMMIT" in text) == (2, True)


def test_an_edited_or_foreign_receipt_is_named(planned: Path, cli: Any) -> None:
    cli("register", "forty.toml")
    (path,) = receipt_files(planned)
    whole = path.read_text()
    path.write_text(whole.replace('"planned":40', '"planned":41'))
    code, text = cli("verify", planned)
    assert (code, "receipt 0001 is damaged" in text.lower()) == (3, True)
    content = json.loads(whole)
    content.pop("checksum")
    path.write_text(seal({**content, "protocol": "0" * 64}))
    assert "never in force" in said(cli, planned)
    path.write_text(seal({**content, "hypotheses": {"H1": "0" * 64}}))
    assert "at odds" in said(cli, planned)
    path.write_text(seal({**content, "planned": "many"}))
    assert cli("verify", planned)[0] == 3


def test_a_study_without_openssl_is_registered_all_the_same(
    planned: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    code, text = cli("register", "forty.toml")
    assert (code, "openssl is not installed" in text) == (0, True)
    (path,) = receipt_files(planned)
    beside(path, ".tsr").write_bytes(b"x")
    assert "cannot be checked" in said(cli, planned)


def test_a_study_in_use_is_not_registered(planned: Path, tricks: Any) -> None:
    from vggstudy.errors import LedgerError

    study = tricks.made(planned, tricks.text)
    with study.held(), pytest.raises(LedgerError, match="locked"):
        register(study)
