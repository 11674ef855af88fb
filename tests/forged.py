"""Plan folders edited as an accident would, and as a forger would, who makes every hash and the seal agree again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from planner.results.folder import json_text
from planner.results.seal import sealed


def sign(plan: Path, **fields: Any) -> None:
    """Changes fields of plan.json, and makes its hashes and its seal agree with what lies there now: the work of a forger."""
    manifest = json.loads((plan / "plan.json").read_text("utf-8"))
    manifest["tables"] = {
        name: hashlib.sha256((plan / name).read_bytes()).hexdigest() for name in manifest["tables"] if (plan / name).exists()
    }
    (plan / "plan.json").write_text(json_text(sealed(manifest | fields)) + "\n", "utf-8")
