"""Consent to execute somebody's trainer, and what is said to the workers that do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from vggstudy.errors import ExecutionError
from vggstudy.files import explain, write_atomic
from vggstudy.study.reported import ALWAYS

if TYPE_CHECKING:
    from vggstudy.execution.options import TrainerSite
    from vggstudy.protocol import Protocol

SHORTEST = 32
"""Digits of a digest that name a command at least: whoever writes two commands to share so many
would have to try 2**64 of them; to share 16, only 2**32."""

_HEX = re.compile(rf"[0-9a-f]{{{SHORTEST},64}}")


class ConsentError(ExecutionError):
    """Nobody has allowed a command, or handed a function over."""

    exit_code = 2


def trainer_site(
    protocol: Protocol,
    folder: Path,
    *,
    allow_command: str | None = None,
    function: Callable[..., Any] | str | None = None,
) -> TrainerSite | None:
    """What workers are told of a protocol's trainer; None for a network that is trained here.

    Parameters
    ----------
    protocol : Protocol
    folder : Path
        The study's, for which somebody may have consented.
    allow_command : str, optional
        Digest of a command that the caller allows, at least `SHORTEST` digits of it.
    function : callable or str, optional
        The function that the caller hands over, or its ``module:name``.

    Raises
    ------
    ConsentError
        If the command was not allowed, or no function was handed over.
    """
    trainer = protocol.trainer
    if trainer is None:
        for name, given in (("trainer", function), ("allow_command", allow_command)):
            if given is not None:
                raise ConsentError(f"{name} was given, and the protocol has no [trainer]")
        return None
    from vggstudy.execution.options import TrainerSite

    place = None
    if trainer.function is not None:
        place = _place(trainer.function, function)
    elif function is not None:
        raise ConsentError("a function was handed over, and the protocol's trainer is a command")
    else:
        require_consent(protocol, folder, allow_command)
    return TrainerSite(
        folder=Path.cwd(),
        quantities=quantities(protocol),
        code=tuple(trainer.code),
        keep_files=trainer.keep_files,
        function=place,
    )


def _place(named: str, function: Callable[..., Any] | str | None) -> Any:
    """Where workers find the function that was handed over."""
    from vggstudy.execution.trainers.functions import named_place, place_of

    if function is None:
        msg = (
            f"the protocol's trainer is the function {named}, which is executed only where it is "
            f"handed over: --trainer {named}, or Study.run(trainer=...)"
        )
        raise ConsentError(msg)
    if isinstance(function, str):
        if function != named:
            msg = f"the protocol's trainer is the function {named}, not {function}"
            raise ConsentError(msg)
        return named_place(function)
    return place_of(function)


def quantities(protocol: Protocol) -> tuple[str, ...]:
    """What a run that finishes must have reported for the protocol's label rule and outcomes."""
    from vggstudy.study.labels import comparison

    analysis, rule = protocol.analysis, protocol.label
    needed = [name for name in (analysis.outcome, *analysis.outcomes) if name not in ALWAYS]
    if rule.succeeds is not None:
        needed.append(comparison(rule.succeeds)[0])
    if rule.rule == "accuracy":
        needed += ["val_accuracy", "n_validation", "majority_rate"]
    return tuple(dict.fromkeys(needed))


def require_consent(protocol: Protocol, folder: Path, allowed: str | None) -> None:
    """Refuse to execute a protocol's command unless somebody has allowed it.

    Raises
    ------
    ConsentError
        With the command and how it is allowed.
    """
    wanted = protocol.command_digest()
    if wanted is None:
        return
    short = wanted[:SHORTEST]
    if allowed is not None:
        if not _HEX.fullmatch(allowed):
            msg = f"a command is allowed by {SHORTEST} to 64 hexadecimal digits, got '{allowed}'"
            raise ConsentError(msg)
        if not wanted.startswith(allowed):
            msg = f"the command that was allowed is another one; this is {short}"
            raise ConsentError(msg)
        return
    if not has_consent(protocol, folder):
        msg = (
            f"this protocol executes a command: {command_text(protocol)}; "
            f"read it and what enters it, then allow it with --allow-command {short}"
        )
        raise ConsentError(msg)


def command_text(protocol: Protocol) -> str:
    """The command as it is shown: JSON, so that no character hides."""
    trainer = protocol.trainer
    return json.dumps(trainer.command if trainer else None)


def has_consent(protocol: Protocol, folder: Path) -> bool:
    """Whether this user has allowed the command for the study of this folder."""
    return protocol.command_digest() in _consents().get(_key(folder), {})


def record_consent(protocol: Protocol, folder: Path) -> None:
    """Keep that this user allows the command for the study of this folder.

    Raises
    ------
    ExecutionError
        If that cannot be kept.
    """
    consents, file = _consents(), _file()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    consents.setdefault(_key(folder), {})[str(protocol.command_digest())] = now
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps(consents, indent=1).encode())
    except OSError as error:
        raise ExecutionError(explain(error, file, "written")) from error


def _file() -> Path:
    """The user's consents: never in a study, which may be somebody else's."""
    return Path(platformdirs.user_config_dir("vggstudy")) / "allowed-commands.json"


def _key(folder: Path) -> str:
    """A study, by where it lies."""
    return str(folder.resolve())


def _consents() -> dict[str, dict[str, str]]:
    """Digest and time of every consent, by study; none where the file is damaged."""
    try:
        found = json.loads(_file().read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {study: own for study, own in found.items() if isinstance(own, dict)}
