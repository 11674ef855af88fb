"""Offers read from a price catalogue in the layout of SkyPilot: folders `<cloud>/vms*.csv`, one row a machine type and zone.

A catalogue is scraped, not written, so most of this module is about what not to believe. What it refuses to do:

- to guess: a row that cannot be read, priced or matched with certainty is left out, and `Import.left_out` says which and why;
- to mistake one chip for another: `hgx_h100_8` is a board of eight SXM modules, so PCIe and NVL cards of the same name stay out,
  as do the A100 of 40 GB, partitions of a chip, and names that nobody mapped (`ACCELERATORS`);
- to take a price that is none: empty, zero, a placeholder, below its own spot price, or far outside what a chip can cost;
- to import spot prices, to invent how many GPUs can be had (`max`), to convert money, to fetch or to write a file.

Prices are list prices per hour of a whole machine, divided by its chips with decimals, not floats.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from planner.core.errors import InputFault, Location

ORIGIN = "SkyPilot price catalogue"  # what the source of every row begins with
COLUMNS: tuple[str, ...] = (
    "id", "provider", "accelerator", "site", "country", "contract", "from", "to", "price [USD/gpu/hour]", "billing", "energy",
    "capex [USD/rack]", "lifetime [year]", "term [year]", "max [gpu]", "source", "confidence", "note",
)  # fmt: skip

# Our id -> the names that the catalogue gives the same hardware. A TPU is named without its size: `tpu-v6e` for `tpu-v6e-256`.
ACCELERATORS: Mapping[str, Sequence[str]] = {
    "hgx_a100_8": ("A100-80GB", "A100-80GB-SXM"),
    "hgx_h100_8": ("H100", "H100-SXM", "H100-MEGA"),  # MEGA: the same board, more network
    "hgx_h200_8": ("H200", "H200-SXM"),
    "hgx_b200_8": ("B200", "B200-SXM"),
    "hgx_b300_8": ("B300", "B300-SXM"),
    "gb200_nvl72": ("GB200",),
    "gb300_nvl72": ("GB300",),
    "mi300x_8": ("MI300X",),
    "mi325x_8": ("MI325X",),
    "mi355x_8": ("MI355X",),
    "trn2_ultraserver_64": ("Trainium2",),
    "trn3_ultraserver_144": ("Trainium3",),
    "tpu_v6e_pod256": ("tpu-v6e",),
}
PROVIDERS = {"gcp": "google", "oci": "oracle"}  # the other clouds keep their name
SYSTEM_SIZE = {  # gpu that work as one; a smaller machine is a part of it, and the note says so
    "hgx_a100_8": 8, "hgx_h100_8": 8, "hgx_h200_8": 8, "hgx_b200_8": 8, "hgx_b300_8": 8, "mi300x_8": 8, "mi325x_8": 8,
    "mi355x_8": 8, "gb200_nvl72": 72, "gb300_nvl72": 72, "trn2_ultraserver_64": 64, "trn3_ultraserver_144": 144,
}  # fmt: skip
MEMORY_GIB = {"hgx_a100_8": 80, "hgx_h100_8": 80, "hgx_h200_8": 141}  # per gpu, where cards of one name differ in memory
TPU_CORES = {"tpu-v2": 2, "tpu-v3": 2, "tpu-v4": 2, "tpu-v5p": 2, "tpu-v5e": 1, "tpu-v5litepod": 1, "tpu-v6e": 1}
"""What the number in a TPU's name counts: TensorCores (two a chip) or chips. Families not listed are left out."""

CORRECTED_COUNTS = {  # (cloud, machine): (gpu as listed, gpu in truth); https://learn.microsoft.com/azure/virtual-machines/nd-h100-v5
    ("azure", "standard_nd96isr_h100_v5"): (12, 8),
    ("azure", "standard_nd96is_h100_v5"): (12, 8),
}
NOT_THE_BOARD = (  # cloud (blank: any), catalogue name, machine, why: patterns over the whole of a name
    ("azure", r"a100.*|h100.*", r"standard_nc.*", "a PCIe or NVL card, not a module of an HGX board"),
    ("", r".*", r".*(pcie|[-_]nvl([-_]|$)).*", "a PCIe or NVL card, not a module of an HGX board"),
    ("runpod", r"a100-80gb|h100", r".*", "this cloud's plain name is the PCIe card; the SXM module is named -SXM"),
    ("fluidstack", r"a100-80gb|h100", r".*", "this cloud gives PCIe cards and SXM modules one name"),
)
KNOWN_STRANGERS = {"a100": "the A100 of 40 GB, not of 80 GB", "a100-sxm": "the A100 of 40 GB, not of 80 GB"}
GCP_HOSTS = {  # (accelerator, count): the machine that carries it and is priced apart; sky/catalog/gcp_catalog.py
    ("a100-80gb", 1): "a2-ultragpu-1g", ("a100-80gb", 2): "a2-ultragpu-2g", ("a100-80gb", 4): "a2-ultragpu-4g",
    ("a100-80gb", 8): "a2-ultragpu-8g", ("h100", 1): "a3-highgpu-1g", ("h100", 2): "a3-highgpu-2g", ("h100", 4): "a3-highgpu-4g",
    ("h100", 8): "a3-highgpu-8g", ("h100-mega", 8): "a3-megagpu-8g", ("h200", 8): "a3-ultragpu-8g", ("b200", 8): "a4-highgpu-8g",
}  # fmt: skip
PLACEHOLDER = Decimal("700.0")  # what the catalogue's GCP fetcher writes where it found no price
LOWEST, HIGHEST = Decimal("0.05"), Decimal("100")  # USD/gpu/hour; outside is a slip of unit or another placeholder

NEEDED = ("AcceleratorName", "AcceleratorCount", "Price", "Region")
MAX_ID = 80
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
_SNAPSHOT = re.compile(r"vms_(\d{4}-\d{2}-\d{2})\.csv", re.ASCII)
_LAYOUT = re.compile(r"v(\d{1,4})", re.ASCII)
_TPU = re.compile(r"(tpu-v[0-9a-z]+)-([0-9]{1,9})")
_PARTITION = re.compile(r"'GpuPartitionSize': *([0-9.]+)")
_MEMORY = re.compile(r"'MemoryInfo': *\{ *'SizeInMiB': *([0-9]+)")


@dataclass(frozen=True)
class LeftOut:
    """One row that was not imported and why (line 0: the file as a whole). `why` is one of few texts: count them."""

    file: str
    line: int
    what: str
    why: str


@dataclass(frozen=True)
class Import:
    """Rows for the table `offers` (keys: COLUMNS), what was left out, and the files that were read."""

    offers: tuple[dict[str, str], ...]
    left_out: tuple[LeftOut, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    """A catalogue file: its cloud, the version of its layout (0 if its folder does not say) and its day (blank: the newest)."""

    path: Path
    cloud: str
    layout: int
    day: str

    @property
    def age(self) -> tuple[int, bool, str]:
        return self.layout, not self.day, self.day

    @property
    def provider(self) -> str:
        return PROVIDERS.get(self.cloud, _plain(self.cloud))


@dataclass(frozen=True)
class _Row:
    """A row as written, by column name."""

    line: int
    cells: Mapping[str, str]

    def cell(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    @property
    def machine(self) -> str:
        return self.cell("InstanceType")

    @property
    def name(self) -> str:
        return self.cell("AcceleratorName").casefold()

    @property
    def region(self) -> str:
        return self.cell("Region").casefold()

    @property
    def zone(self) -> str:
        return self.cell("AvailabilityZone").casefold()

    @property
    def priced_apart(self) -> bool:
        """Chips without the machine that carries them (GCP). A TPU's price covers its host."""
        return not self.machine and not _TPU.fullmatch(self.name)

    @property
    def what(self) -> str:
        chips = f"{self.cell('AcceleratorCount')} x {self.cell('AcceleratorName')}" if self.name else ""
        place = self.cell("AvailabilityZone") or self.cell("Region")
        return " ".join(part for part in (self.machine, chips, place) if part) or "an empty row"


@dataclass(frozen=True)
class _Listing:
    """A row that can be believed: a machine with `count` gpu of `accelerator` at `price` USD per hour."""

    row: _Row
    accelerator: str
    count: int
    price: Decimal
    spot: Decimal | None
    host: str = ""  # what was said about the machine around the chips
    host_missing: bool = False
    corrected: str = ""

    @property
    def per_gpu(self) -> Decimal:
        return self.price / self.count

    @property
    def machine(self) -> str:
        return self.row.machine or self.row.cell("AcceleratorName")

    @property
    def sku(self) -> tuple[str, str, Decimal]:
        return self.row.name, self.row.cell("AcceleratorCount"), self.price


def read_catalogue(path: Path, accelerators: Mapping[str, Sequence[str]] | None = None, max_gpus: int | None = None) -> Import:
    """One on-demand offer per provider, region and accelerator of the newest file of every cloud, and all that was left out.

    `path` is a catalogue, one layout of it (`v9`), the folder of one cloud, or one file. `accelerators` replaces ACCELERATORS.
    `max_gpus` fills `max [gpu]`: how many gpu of an offer can be had at a time. No catalogue says, so None leaves it blank; but a
    cloud region has no site_power and `max` is then the only bound on its on-demand offers. The number is an assumption.
    InputFault if there is no such path or no catalogue file in it.
    """
    if max_gpus is not None and max_gpus <= 0:
        raise InputFault.one(f"at most {max_gpus} gpu per offer leaves nothing to rent", "give a whole number above 0, or none")
    names = _by_name(ACCELERATORS if accelerators is None else accelerators)
    chosen, left_out = _newest(_files(path))
    offers: list[dict[str, str]] = []
    for file in chosen:
        rows, columns, unread = _rows(file)
        listings, unbelieved = _listings(file, rows, names)
        rows_of_offers, unnamed = _offers(file, listings, columns, max_gpus)
        offers += rows_of_offers
        left_out += unread + unbelieved + unnamed
    offers.sort(key=lambda offer: offer["id"])
    left_out.sort(key=lambda item: (item.file, item.line, item.what))
    return Import(tuple(offers), tuple(left_out), tuple(file.path.as_posix() for file in chosen))


def unknown(offers: Iterable[Mapping[str, str]], folders: Sequence[Path]) -> dict[str, list[str]]:
    """Providers and sites that offers name and that no table of these folders has, by table: `check` would not know them."""
    found: dict[str, list[str]] = {}
    for table, column in (("providers", "provider"), ("sites", "site")):
        known = set[str]()
        for folder in folders:
            if (file := folder / f"{table}.csv").is_file():
                with file.open(encoding="utf-8-sig", newline="") as text:
                    known |= {row.get("id") or "" for row in csv.DictReader(text)}
        if missing := sorted({offer.get(column, "") for offer in offers} - known - {""}):
            found[table] = missing
    return found


def not_ours(path: Path) -> str:
    """What a file holds that no import of ours wrote; empty if it is one, or if there is none."""
    if not path.exists():
        return ""
    try:
        with path.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
        heads = path.read_text("utf-8").splitlines()[:1]
    except (OSError, ValueError, csv.Error):
        return "it cannot be read as a table"
    if heads != [",".join(COLUMNS)]:
        return "its columns are others"
    mine = all(str(row.get("source", "")).startswith(ORIGIN) for row in rows)
    return "" if rows and mine else "it has rows of other sources" if rows else "it has no rows"


def as_csv(offers: Iterable[Mapping[str, str]]) -> str:
    """The offers as the text of a profile table."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(offers)
    return text.getvalue()


def _by_name(accelerators: Mapping[str, Sequence[str]]) -> dict[str, str]:
    names: dict[str, str] = {}
    for accelerator, theirs in accelerators.items():
        for name in theirs:
            if names.setdefault(name.casefold(), accelerator) != accelerator:
                what = f"`{name}` stands for two accelerators: {names[name.casefold()]} and {accelerator}"
                raise InputFault.one(what, "name it under one of them")
    return names


# --- which files --------------------------------------------------------------------------------------------------------


def _files(path: Path) -> list[_File]:
    """Every vms*.csv of a catalogue, at the depths where one may stand. InputFault if there is none."""
    where = Location(str(path))
    if not _there(path):
        raise InputFault.one("no such file or folder", "give the folder that holds <cloud>/vms.csv, e.g. aws/vms.csv", where)
    if path.is_file():
        return [_file(path)]
    patterns = ("vms*.csv", "*/vms*.csv", "v[0-9]*/*/vms*.csv", "catalogs/*/vms*.csv", "catalogs/v[0-9]*/*/vms*.csv")
    found = sorted({file for pattern in patterns for file in path.glob(pattern) if file.is_file()})
    if not found:
        fix = "give the folder that holds <cloud>/vms.csv, e.g. catalogs/v9 of a copy of skypilot-org/skypilot-catalog"
        raise InputFault.one("holds no price catalogue (no <cloud>/vms*.csv)", fix, where)
    return [_file(file) for file in found]


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no right to look, or a name that no file can have
        return False


def _file(path: Path) -> _File:
    folders = path.resolve().parents
    layout = _LAYOUT.fullmatch(folders[1].name) if len(folders) > 1 else None
    dated = _SNAPSHOT.fullmatch(path.name)
    return _File(path, folders[0].name.casefold(), int(layout[1]) if layout else 0, dated[1] if dated else "")


def _newest(files: Iterable[_File]) -> tuple[list[_File], list[LeftOut]]:
    """The file to read of every cloud, and a line for each that is not: the newer layout wins, then vms.csv, then the day."""
    best: dict[str, _File] = {}
    left_out: list[LeftOut] = []
    for file in files:
        if file.path.name.startswith("vms") and file.path.name != "vms.csv" and not file.day:
            why = "the name is neither vms.csv nor vms_YYYY-MM-DD.csv, so its age is not known"
            left_out.append(LeftOut(file.path.as_posix(), 0, "the file", why))
            continue
        rival = best.get(file.cloud)
        if rival is None or file.age > rival.age:
            best[file.cloud], file = file, rival or file
        if file is not best[file.cloud]:
            left_out.append(LeftOut(file.path.as_posix(), 0, "the file", "older than the file of this cloud that was read"))
    return [best[cloud] for cloud in sorted(best)], left_out


# --- rows of a file -----------------------------------------------------------------------------------------------------


def _rows(file: _File) -> tuple[list[_Row], int, list[LeftOut]]:
    """The rows of a file in whatever order its columns stand, the number of columns, and what could not be read."""
    shown = file.path.as_posix()
    try:
        text = file.path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputFault.one(f"cannot be read: {error.strerror}", "check the path and its rights", Location(shown)) from None
    lines = _csv_lines(text)
    _, header, _ = next(lines, (1, [], ""))
    columns = [cell.strip() for cell in header]
    missing = [column for column in NEEDED if column not in columns]
    if missing or len(set(columns)) != len(columns):
        why = f"the column {missing[0]} is missing" if missing else "a column stands twice in the header"
        return [], len(columns), [LeftOut(shown, 1, "the file", why)]
    rows: list[_Row] = []
    left_out: list[LeftOut] = []
    for line, cells, why in lines:
        if not why and len(cells) != len(columns):
            why = "fewer cells than columns" if len(cells) < len(columns) else "more cells than columns"
        if not why and any("\ufffd" in cell for cell in cells):
            why = "not UTF-8 text"
        if why:
            left_out.append(LeftOut(shown, line, " ".join(cells)[:60] or "the rest of the file", why))
        else:
            rows.append(_Row(line, dict(zip(columns, cells, strict=True))))
    return rows, len(columns), left_out


def _csv_lines(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Line, cells and fault of each row that is not blank; after a fault nothing more can be told apart."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells, ""
            line = reader.line_num + 1
    except csv.Error:
        yield line, [], "not valid CSV from here on (check the quotes)"


# --- which rows to believe ----------------------------------------------------------------------------------------------


def _listings(file: _File, rows: Sequence[_Row], names: Mapping[str, str]) -> tuple[list[_Listing], list[LeftOut]]:
    hosts = _host_prices(rows) if file.cloud == "gcp" else {}
    found: list[_Listing] = []
    reasons: list[tuple[_Row, str]] = []
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        listing = _listing(row, file.cloud, names, hosts)
        if isinstance(listing, str):
            reasons.append((row, listing))
            continue
        twin = (row.machine, listing.sku, row.region, row.zone)
        if twin in seen:
            reasons.append((row, "listed twice"))
        else:
            found.append(listing)
        seen.add(twin)
    discounted = {item.sku for item in found if item.row.priced_apart and _below_spot(item)}
    believed: list[_Listing] = []
    for item in found:
        if _below_spot(item):
            reasons.append((item.row, "on-demand price below the spot price: a discounted price, not the list price"))
        elif item.row.priced_apart and item.sku in discounted:
            # The SKU is picked per accelerator: a price that is below spot in one region is the wrong SKU in the others too.
            reasons.append((item.row, "this price is below spot in another region: a discounted price, not the list price"))
        else:
            believed.append(_with_host(item, hosts))
    shown = file.path.as_posix()
    return believed, [LeftOut(shown, row.line, row.what, why) for row, why in reasons]


def _listing(row: _Row, cloud: str, names: Mapping[str, str], hosts: Mapping[tuple[str, str], Decimal]) -> _Listing | str:
    """The row as a machine with a price, or why it is not one."""
    if not row.name:
        carries = (row.region, row.machine.casefold()) in hosts
        return "the host of accelerators that are priced apart" if carries else "no accelerator"
    tpu = _TPU.fullmatch(row.name)
    accelerator = names.get(row.name) or names.get(tpu[1] if tpu else "")
    if not accelerator:
        return KNOWN_STRANGERS.get(row.name, "an accelerator that is not in the table of known names")
    if why := _other_hardware(row, cloud, accelerator) or _other_place(row, cloud):
        return why
    count, corrected = _gpus(row, cloud)
    if isinstance(count, str):
        return count
    price = _price(row, count)
    if isinstance(price, str):
        return price
    spot = _number(row.cell("SpotPrice"))
    return _Listing(row, accelerator, count, price, None if spot == PLACEHOLDER else spot, corrected=corrected)


def _other_hardware(row: _Row, cloud: str, accelerator: str) -> str:
    machine = row.machine.casefold()
    for where, name, pattern, why in NOT_THE_BOARD:
        if where in ("", cloud) and re.fullmatch(name, row.name) and re.fullmatch(pattern, machine):
            return why
    info = row.cell("GpuInfo")
    size = _number(part[1]) if (part := _PARTITION.search(info)) else None
    if size is not None and size < 1:
        return "a partition of a gpu"
    wanted = MEMORY_GIB.get(accelerator)
    memory = int(found[1]) / 1024 if (found := _MEMORY.search(info)) else 0.0
    if wanted and memory and abs(memory / wanted - 1) > 0.05:
        return "the same name with another size of memory"
    return ""


def _other_place(row: _Row, cloud: str) -> str:
    if not row.region:
        return "no region"
    if not _plain(row.region):
        return "a region whose name has no letters or digits"
    if cloud == "aws" and row.zone and not re.fullmatch(rf"[a-z]+\d+-az\d+|{re.escape(row.region)}[a-z]", row.zone):
        return "a local zone, not the region itself"
    return ""


def _gpus(row: _Row, cloud: str) -> tuple[int | str, str]:
    """Chips of a machine and the remark on a corrected count; or why they cannot be counted."""
    listed = _number(row.cell("AcceleratorCount"))
    if listed is None:
        return "the count of accelerators is not a number", ""
    if tpu := _TPU.fullmatch(row.name):
        if tpu[1] not in TPU_CORES:
            return "whether the number in this TPU's name counts chips or cores is not known", ""
        listed = listed * int(tpu[2]) / TPU_CORES[tpu[1]]
    if listed < 1 or listed != int(listed):
        return "not a whole number of accelerators (a partition)", ""
    wrong, right = CORRECTED_COUNTS.get((cloud, row.machine.casefold()), (0, 0))
    if int(listed) == wrong:
        return right, f"The catalogue counts {wrong} GPUs where the machine has {right}."
    return int(listed), ""


def _price(row: _Row, count: int) -> Decimal | str:
    written = row.cell("Price")
    if not written:
        return "no on-demand price (at AWS: sold through capacity blocks only)"
    price = _number(written)
    if price is None:
        return "the price is not a number of USD"
    if not price:
        return "a price of 0 is no price"
    if price == PLACEHOLDER:
        return "700.0 is a placeholder for no price"
    if not LOWEST <= price / count <= HIGHEST:
        return f"not a plausible price ({LOWEST} to {HIGHEST} USD/gpu/hour)"
    return price


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _below_spot(listing: _Listing) -> bool:
    """Equal is fine: where there is no spot market, the catalogue repeats the on-demand price."""
    return listing.spot is not None and listing.price < listing.spot


def _host_prices(rows: Iterable[_Row]) -> dict[tuple[str, str], Decimal]:
    """The lowest price of each machine that carries accelerators priced apart, by region and machine."""
    prices: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        price = _number(row.cell("Price"))
        if row.machine.casefold() in GCP_HOSTS.values() and not row.name and price and price != PLACEHOLDER:
            key = (row.region, row.machine.casefold())
            prices[key] = min(price, prices.get(key, price))
    return prices


def _with_host(listing: _Listing, hosts: Mapping[tuple[str, str], Decimal]) -> _Listing:
    """The listing with its host VM added where the file prices it; else with the remark that it is missing."""
    if not listing.row.priced_apart:
        return listing if listing.row.machine else replace(listing, host="Price of the TPU with its host.")
    host = GCP_HOSTS.get((listing.row.name, listing.count), "")
    price = hosts.get((listing.row.region, host))
    if price is None:
        return replace(listing, host="The host VM is not included: it is priced apart.", host_missing=True)
    remark = f"With the host VM {host} at {_text(price)} USD/hour."
    return replace(listing, price=listing.price + price, host=remark)


# --- offers -------------------------------------------------------------------------------------------------------------


def _offers(
    file: _File, listings: Iterable[_Listing], columns: int, max_gpus: int | None
) -> tuple[list[dict[str, str]], list[LeftOut]]:
    """One offer per region and accelerator: the cheapest listing with its host, else the cheapest without."""
    groups: dict[tuple[str, str], list[_Listing]] = {}
    for item in listings:
        groups.setdefault((f"{file.provider}-{_plain(item.row.region)}", item.accelerator), []).append(item)
    offers: list[dict[str, str]] = []
    left_out: list[LeftOut] = []
    for (site, accelerator), group in groups.items():
        name = f"{site}-{_plain(accelerator)}-list"
        if len(name) > MAX_ID:
            why = f"the id of the offer would have more than {MAX_ID} characters"
            left_out += [LeftOut(file.path.as_posix(), item.row.line, item.row.what, why) for item in group]
            continue
        whole = [item for item in group if not item.host_missing] or group
        best = min(whole, key=lambda item: (item.per_gpu, -item.count, item.machine, item.row.line))
        offers.append(
            dict.fromkeys(COLUMNS, "")
            | {
                "id": name,
                "provider": file.provider,
                "accelerator": accelerator,
                "site": site,
                "price [USD/gpu/hour]": _text(best.per_gpu),
                "billing": "on_demand",
                "energy": "included",
                "max [gpu]": "" if max_gpus is None else str(max_gpus),
                "source": _source(file, columns, best.row.line),
                "confidence": "reported" if max_gpus is None else "reported; max=assumed",
                "note": _note(file, best, whole),
            }
        )
    return offers, left_out


def _source(file: _File, columns: int, line: int) -> str:
    layout = f"layout v{file.layout}, {columns} columns" if file.layout else f"layout of {columns} columns"
    place = f"{file.cloud}/{file.path.name}:{line}"
    return f"{ORIGIN} (https://github.com/skypilot-org/skypilot-catalog), {place}, {layout}"


def _note(file: _File, best: _Listing, group: Sequence[_Listing]) -> str:
    low, high = (_text(extreme(item.per_gpu for item in group)) for extreme in (min, max))
    machines = len({(item.machine, item.count) for item in group})
    chosen = f"{best.machine}, {best.count} gpu at {_text(best.price)} USD/hour"
    spread = f"range {low} to {high} USD/gpu/hour" if low != high else f"all at {low} USD/gpu/hour"
    spot_repeated = {item.spot == item.price for item in group if item.spot is not None} == {True}
    size = SYSTEM_SIZE.get(best.accelerator, 0)
    remarks = [
        f"Cheapest per gpu of {machines} machine types: {chosen}; {spread}." if machines > 1 else f"List price of {chosen}.",
        f"Not one price in all zones: {spread}." if machines == 1 and low != high else "",
        best.corrected,
        best.host,
        f"The machine is a part of a system of {size} gpu; check its scale-up domain." if best.count < size else "",
        "Spot is listed at the on-demand price: no spot price is known." if spot_repeated else "",
        f"Prices of {file.day}." if file.day else "",
    ]
    return " ".join(filter(None, remarks))


def _text(number: Decimal) -> str:
    """A decimal as short as it is, with at most 6 places."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _plain(name: str) -> str:
    """A name as a part of an id: small letters, digits, - and _."""
    return re.sub(r"[^a-z0-9_]+", "-", name.casefold()).strip("-_")
