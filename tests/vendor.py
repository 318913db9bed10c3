"""Fetch the JavaScript libraries that pages of notebooks embed, by npm.

    uv run python tests/vendor.py

They are named in `libraries/manifest.toml`. Pictures and fonts that a style needs are
put into it, so that each library is at most one script and one style.
"""

import gzip
import json
import mimetypes
import re
import subprocess
import tarfile
import tempfile
import tomllib
from base64 import b64encode
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "src/twobus/notebooks/outputs/libraries"
# What no browser of today asks for where it can have another.
OLD = re.compile(r"\.(?:eot|ttf|woff|svg)(?:[?#].*)?$")
ICONS = ("marker-icon", "marker-icon-2x", "marker-shadow")


def main() -> None:
    """Write the libraries, and the terms of their licences."""
    manifest = tomllib.loads((FOLDER / "manifest.toml").read_text("utf-8"))
    terms = []
    for file in FOLDER.glob("*.gz"):
        file.unlink()
    for name, entry in manifest.items():
        with tempfile.TemporaryDirectory() as folder:
            package = fetched(entry["package"], Path(folder))
            texts = {
                "js": "\n;\n".join(
                    read(package / it) for it in entry.get("script", [])
                ),
                "css": "\n".join(style(package / it) for it in entry.get("style", [])),
            }
            texts = adapted(name, texts, package)
            for ending, text in texts.items():
                if text:
                    packed = gzip.compress(text.encode(), 9, mtime=0)
                    (FOLDER / f"{name}.{ending}.gz").write_bytes(packed)
                    print(
                        f"{name}.{ending}: {len(text):,} bytes, {len(packed):,} packed"
                    )
            terms += licences(name, entry, package)
    (FOLDER / "LICENCES.txt").write_text("\n".join(terms), "utf-8")


def fetched(package: str, folder: Path) -> Path:
    """Unpack a package of the npm registry, and return where it lies."""
    command = ["npm", "pack", "--silent", package]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def read(file: Path) -> str:
    """Return a file without the address of its source map."""
    text = file.read_text("utf-8")
    return re.sub(r"(?m)^(?://|/\*)# sourceMappingURL=.*$\n?", "", text)


def style(file: Path) -> str:
    """Return a style with all that it names in it."""

    def inside(address: re.Match[str]) -> str:
        target = address[1].strip("'\"")
        if target.startswith(("data:", "#")):
            return address[0]
        if OLD.search(target):
            return 'url("")'
        return f"url({data(file.parent / re.sub('[?#].*', '', target))})"

    return re.sub(r"url\(([^)]*)\)", inside, read(file))


def data(file: Path) -> str:
    """Return a file as an address that holds it."""
    kind = mimetypes.guess_type(file.name)[0] or "font/woff2"
    return f"data:{kind};base64,{b64encode(file.read_bytes()).decode()}"


def adapted(name: str, texts: dict[str, str], package: Path) -> dict[str, str]:
    """Return the texts of a library as pages need it."""
    if name == "plotly-geo":
        # Borders of the coarse resolution, which is the default, are a tenth of all.
        fine = r" *// \S+_50m\.json\n.*?\n  \}\);\n|[^\n]*_50m\"?: require_[^\n]*\n"
        text = re.sub(fine, "", texts["js"], flags=re.DOTALL)
        if "_50m" in text or "world_110m: require" not in text:
            raise SystemExit("plotly-geo: the borders are not where they were.")
        # Its own last lines would take the place of Plotly.
        return {"js": text.replace("window.Plotly =", "window.PlotlyGeoAssets =")}
    if name == "leaflet":
        # It looks for its pictures beside its style, which has no place here.
        images = {it: data(package / f"dist/images/{it}.png") for it in ICONS}
        names = ("iconUrl", "iconRetinaUrl", "shadowUrl")
        options = json.dumps(dict(zip(names, images.values(), strict=True)))
        texts["js"] += '\nL.Icon.Default.imagePath="";'
        texts["js"] += f"\nL.Icon.Default.mergeOptions({options});"
        # Tiles come from a network: a page has the rest of a map without them.
        empty = '{createTile(){return document.createElement("div")}}'
        texts["js"] += f"\nL.TileLayer.include({empty});"
        # Clusters need to know it, which tiles would say.
        texts["js"] += "\nL.Map.mergeOptions({maxZoom:18});"
    if name == "glyphicons":
        rules = re.findall(
            r"@font-face \{.*?\}\n|\.glyphicon[^{]*\{.*?\}\n", texts["css"], re.S
        )
        texts["css"] = "".join(rules)
    return texts


def licences(name: str, entry: dict[str, str], package: Path) -> list[str]:
    """Return the terms of a library as its authors ask to have them kept."""
    files = [it for it in package.iterdir() if re.search("licen[cs]e", it.name, re.I)]
    if not files:
        raise SystemExit(f"{name}: no licence in {entry['package']}.")
    return [f"{entry['package']} ({entry['license']})", "", files[0].read_text("utf-8")]


if __name__ == "__main__":
    main()
