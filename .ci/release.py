"""Builds a release from the last commit: a wheel and an sdist, the same bytes wherever it is done.

    python .ci/release.py [FOLDER]

writes them into a folder (dist/ by default) with their SHA-256, the lock of the environment and, by
cyclonedx-bom, a bill of materials. Everything is built twice, in folders of different names, and
compared. Times are those of the commit (SOURCE_DATE_EPOCH); nothing is downloaded.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Build, compare, describe."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    commit = git("rev-parse", "HEAD").decode().strip()
    epoch = int(git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as folder:
        first, second = (build(checkout(Path(folder) / name), epoch) for name in ("a", "another"))
        if digests(first) != digests(second):
            raise SystemExit(f"two builds differ: {digests(first)}, {digests(second)}")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(first, out)
    describe(out, epoch)
    sums = "".join(f"{digest}  {name}\n" for name, digest in digests(out).items())
    (out / "SHA256SUMS").write_text(sums, "utf-8")
    sys.stdout.write(f"built from {commit} with SOURCE_DATE_EPOCH={epoch}:\n{sums}")


def git(*arguments: str) -> bytes:
    """What git says of this repository."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, stdout=-1).stdout


def checkout(folder: Path) -> Path:
    """The files of the last commit, and nothing that lies beside them."""
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as archive:
        archive.extractall(folder, filter="tar")
    return folder


def build(source: Path, epoch: int) -> Path:
    """Wheel and sdist of a folder, with every time set to the epoch; the folder that holds them."""
    for path in source.rglob("*"):  # a wheel keeps the modes of its files
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    out = source.with_name(f"{source.name}-dist")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "build", "--wheel", "--sdist", "--no-isolation"]
    done = subprocess.run(
        [*command, "--outdir", str(out), str(source)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    for sdist in out.glob("*.tar.gz"):
        level(sdist, epoch)
    return out


def level(sdist: Path, epoch: int) -> None:
    """Write an sdist anew without what its builder's machine has put in: times, owners, order."""
    with tarfile.open(sdist) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        held = [(member, archive.extractfile(member)) for member in members]
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as leveled:
            for member, content in held:
                member.mtime = epoch
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                member.pax_headers = {}
                leveled.addfile(member, content)
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed:
        packed.write(raw.getvalue())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    }


def describe(out: Path, epoch: int) -> None:
    """Add the lock of this environment and the bill of materials that is made of it."""
    from vggstudy.ledger.versions import LOCK_NAME, environment_lock

    (out / LOCK_NAME).write_text(environment_lock(), "utf-8")
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    tool = shutil.which("cyclonedx-py", path=os.pathsep.join(places))
    if tool is None:
        raise SystemExit("cyclonedx-py is not there: pip install 'vggstudy[release]'")
    subprocess.run(
        [
            *(tool, "requirements", "--output-reproducible", "--of", "JSON"),
            *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
            *("-o", str(out / "vggstudy.cdx.json"), str(out / LOCK_NAME)),
        ],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        check=True,
    )


if __name__ == "__main__":
    main()
