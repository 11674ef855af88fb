"""The seal of plan.json: a hash of all that it holds, which holds the hashes of all files, so that no accident goes unseen.

A seal is no signature: whoever forges a plan can seal it anew. Forgers are the matter of whoever recomputes the plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from planner.results.folder import json_text

SEAL = "seal"


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with its seal: a short hash of each field, to say which one differs, and one of the whole."""
    bare = {key: value for key, value in manifest.items() if key != SEAL}
    return {**bare, SEAL: {"fields": {key: _hash(value)[:12] for key, value in bare.items()}, "whole": _hash(bare)}}


def broken(text: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    """What of plan.json is not what was written, judged by its seal."""
    seal, due = manifest.get(SEAL), sealed(manifest)
    if not isinstance(seal, dict) or not isinstance(seal.get("fields"), dict):
        yield "it has no seal, which says that nothing of it was changed"
        return
    told, fields = seal["fields"], due[SEAL]["fields"]
    changed = [key for key in {**told, **fields} if told.get(key) != fields.get(key)]
    if changed:
        names = ", ".join(f"`{key}`" for key in changed)
        yield f"{names} {'is' if len(changed) == 1 else 'are'} not what was written"
    elif seal != due[SEAL]:
        yield "its seal is not what was written"
    elif text != json_text(due) + "\n":
        yield "its text is not what was written, though it says the same"


def _hash(value: Any) -> str:
    return hashlib.sha256(json_text(value).encode("utf-8", "surrogatepass")).hexdigest()
