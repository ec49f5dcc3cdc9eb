"""What every finding needs: packages in a temporary folder, and a verdict.

    with sandbox.folder() as there:
        python = sandbox.pip(there, "taplo==0.9.3")          # an interpreter that has the packages
        root = sandbox.debian(there, "prometheus", "2.42.0")  # the folder that a Debian package was unpacked into
        sandbox.expect("what is looked at", seen, stated)
    sandbox.end()
"""
import contextlib
import pathlib
import subprocess
import sys
import tempfile

_changed = []


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="finding-") as name:
        yield pathlib.Path(name)


def give_up(why):
    print(f"could not look: {why}", file=sys.stderr)
    sys.exit(2)


def output(*command, **options):
    """(exit code, stdout and stderr together) of a command."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    return done.returncode, done.stdout


def pip(there, *packages):
    """Makes a virtual environment with the pinned packages; returns its interpreter."""
    python = there / "venv/bin/python"
    for command in ([sys.executable, "-m", "venv", there / "venv"], [python, "-m", "pip", "install", "-q", *packages]):
        code, words = output(*command)
        if code:
            give_up(words)
    return python


def debian(there, package, version):
    """Unpacks a Debian package without installing it; returns the folder. `version` is the start of its version."""
    place = there / package
    place.mkdir()
    code, words = output("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=place)
    files = list(place.glob("*.deb"))
    if code or len(files) != 1:
        give_up(f"apt-get download {package}: {words}")
    found = output("dpkg-deb", "-f", files[0], "Version")[1].strip()
    if not found.startswith(version):
        give_up(f"{package} is {found} here, the finding is about {version}")
    output("dpkg-deb", "-x", files[0], place / "root")
    return place / "root"


def expect(what, seen, stated):
    """Prints what was seen, and keeps in mind whether it is what the script states."""
    print(f"{what}: {seen}")
    if seen != stated:
        _changed.append(f"{what}: stated is {stated}, seen was {seen}")


def end():
    if _changed:
        sys.exit("the behaviour has changed:\n  " + "\n  ".join(_changed))
    print("as stated")
