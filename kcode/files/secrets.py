"""Files whose names say that keys are in them: they are asked for, and no search looks into them by the way."""

import re
from pathlib import PurePath

SECRET_FOLDERS = {".ssh", ".gnupg", ".aws"}

_SECRET = re.compile(r"\.env(rc)?|\.env[.\-_](?!(.*[.\-_])?(example|sample|template|dist|defaults?)$).*")


def is_secret(path: PurePath) -> bool:
    """Whether a file's name says that keys are in it; `.env.example` has none."""
    parts = [part.casefold() for part in path.parts]
    return bool(parts) and (_SECRET.fullmatch(parts[-1]) is not None or not SECRET_FOLDERS.isdisjoint(parts))
