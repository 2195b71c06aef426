"""Known vulnerabilities of the locked packages; exit 1 when there is one, 0 when none is known or nobody can be asked.

Usage: audit_dependencies.py requirements.lock. Asks the vulnerability database that pip-audit asks, for two minutes at
most; without a network it says that nothing was audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SECONDS = 120


def main() -> int:
    """Print what is known, and about how many packages nothing could be learnt."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--disable-pip", "--require-hashes", "--requirement"]
    command += [sys.argv[1], "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"not reachable: no package was audited ({type(error).__name__})")
        return 0
    audited = [package for package in packages if "vulns" in package]
    for package in audited:
        for found in package["vulns"]:
            print(f"{package['name']} {package['version']}: {found['id']}, mended in {found['fix_versions'] or 'none'}")
    print(f"{len(audited)} packages audited; about {len(packages) - len(audited)} nothing could be learnt")
    return int(any(package["vulns"] for package in audited))


if __name__ == "__main__":
    sys.exit(main())
