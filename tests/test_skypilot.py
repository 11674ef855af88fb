"""Each trap of a SkyPilot price catalogue by itself, on made-up files of the same layout with made-up prices."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from planner.catalog.skypilot import ACCELERATORS, COLUMNS, SYSTEM_SIZE, Import, LeftOut, as_csv, read_catalogue
from planner.core.errors import InputFault
from planner.inputs.tables import TABLES, Offer

ROOT = Path(__file__).resolve().parent.parent
V5 = (
    "InstanceType", "AcceleratorName", "AcceleratorCount", "vCPUs", "MemoryGiB", "GpuInfo", "Price", "SpotPrice", "Region",
    "AvailabilityZone",
)  # fmt: skip
V9 = (*V5, "Arch", "LocalDiskType", "NVMeSupported", "LocalDiskSize", "LocalDiskCount")
GCP = (
    "InstanceType", "vCPUs", "MemoryGiB", "AcceleratorName", "AcceleratorCount", "GpuInfo", "Region", "AvailabilityZone", "Price",
    "SpotPrice",
)  # fmt: skip
PRICE = "price [USD/gpu/hour]"
Cells = dict[str, str]


def h100(**cells: str) -> Cells:
    """A machine of 8 H100 at 40 USD/hour at AWS, changed as told."""
    row = {
        "InstanceType": "p5.48xlarge", "AcceleratorName": "H100", "AcceleratorCount": "8", "Price": "40", "SpotPrice": "12.5",
        "Region": "us-test-1", "AvailabilityZone": "ust1-az1",
    }  # fmt: skip
    return row | cells


def chips(**cells: str) -> Cells:
    """Accelerators without their machine, as GCP lists them."""
    return h100(InstanceType="", AvailabilityZone="us-test-1-a", SpotPrice="20") | cells


def write(folder: Path, name: str, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = V5) -> Path:
    """A catalogue file `<cloud>/vms….csv` below `folder`; returns `folder`."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue(), encoding="utf-8")
    return folder


def read(folder: Path, cloud: str, *rows: Mapping[str, str], columns: Sequence[str] = V5) -> Import:
    return read_catalogue(write(folder, f"{cloud}/vms.csv", rows, columns))


def only(result: Import) -> dict[str, str]:
    assert len(result.offers) == 1, result
    return result.offers[0]


def why(result: Import) -> list[str]:
    return [item.why for item in result.left_out]


# --- the table that comes out -------------------------------------------------------------------------------------------


def test_columns_are_those_of_the_bundled_table() -> None:
    header = next(csv.reader(io.StringIO((ROOT / "profiles/reference/offers.csv").read_text(encoding="utf-8"))))
    assert list(COLUMNS) == header
    names = [column.split(" [")[0] for column in COLUMNS]
    assert names == [*TABLES["offers"].columns(), "source", "confidence", "note"]


def test_every_mapped_accelerator_is_in_the_bundled_table() -> None:
    rows = csv.DictReader(io.StringIO((ROOT / "profiles/reference/accelerators.csv").read_text(encoding="utf-8")))
    sizes = {row["id"]: float(row["chips_per_rack [gpu/rack]"]) for row in rows}
    assert set(ACCELERATORS) <= set(sizes)
    assert {accelerator: sizes[accelerator] for accelerator in SYSTEM_SIZE} == SYSTEM_SIZE


def test_one_machine_becomes_one_offer(tmp_path: Path) -> None:
    result = read(tmp_path, "aws", h100())
    offer = only(result)
    assert set(offer) == set(COLUMNS)
    assert offer["id"] == "aws-us-test-1-hgx_h100_8-list"
    assert (offer["provider"], offer["site"], offer["accelerator"]) == ("aws", "aws-us-test-1", "hgx_h100_8")
    assert (offer[PRICE], offer["billing"], offer["energy"]) == ("5", "on_demand", "included")
    assert (offer["max [gpu]"], offer["confidence"]) == ("", "reported")
    assert "aws/vms.csv:2, layout of 10 columns" in offer["source"]
    assert offer["note"] == "List price of p5.48xlarge, 8 gpu at 40 USD/hour."
    assert result.left_out == ()
    assert result.files == ((tmp_path / "aws/vms.csv").as_posix(),)


def test_an_offer_is_a_valid_record_and_survives_csv(tmp_path: Path) -> None:
    write(tmp_path, "aws/vms.csv", [h100()])
    result = read_catalogue(tmp_path, max_gpus=4000)
    (row,) = csv.DictReader(io.StringIO(as_csv(result.offers)))
    cells: dict[str, str] = {}
    for column, value in row.items():
        name, _, unit = column.partition(" [")
        if value and name not in ("source", "confidence", "note"):
            cells[name] = f"{value} {unit.rstrip(']')}".strip()
    offer = Offer.model_validate(cells)
    assert (offer.price, offer.billing, offer.max) == (5.0, "on_demand", 4000.0)


def test_max_is_the_assumption_of_the_caller(tmp_path: Path) -> None:
    write(tmp_path, "aws/vms.csv", [h100()])
    offer = only(read_catalogue(tmp_path, max_gpus=2000))
    assert (offer["max [gpu]"], offer["confidence"]) == ("2000", "reported; max=assumed")
    with pytest.raises(InputFault, match="fix: give a whole number above 0"):
        read_catalogue(tmp_path, max_gpus=0)


@pytest.mark.parametrize(
    ("cloud", "provider"), [("aws", "aws"), ("azure", "azure"), ("gcp", "google"), ("oci", "oracle"), ("Nebius", "nebius")]
)
def test_clouds_are_providers(tmp_path: Path, cloud: str, provider: str) -> None:
    offer = only(read(tmp_path, cloud, h100(AvailabilityZone="")))
    assert (offer["provider"], offer["site"]) == (provider, f"{provider}-us-test-1")


def test_ids_are_made_of_allowed_characters(tmp_path: Path) -> None:
    offer = only(read(tmp_path, "far cloud", h100(Region="Old Town, US.1")))
    assert offer["id"] == "far-cloud-old-town-us-1-hgx_h100_8-list"
    assert re.fullmatch(r"[A-Za-z0-9_-]+", offer["id"])
    result = read(tmp_path / "long", "aws", h100(Region="r" * 70, AvailabilityZone=""))
    assert (result.offers, why(result)) == ((), ["the id of the offer would have more than 80 characters"])


def test_cheapest_machine_per_gpu_wins_and_the_note_gives_the_range(tmp_path: Path) -> None:
    one = h100(InstanceType="p5.4xlarge", AcceleratorCount="1", Price="4.5", SpotPrice="")
    offer = only(read(tmp_path, "aws", h100(), one))
    assert offer[PRICE] == "4.5"
    assert offer["note"].startswith(
        "Cheapest per gpu of 2 machine types: p5.4xlarge, 1 gpu at 4.5 USD/hour; range 4.5 to 5 USD/gpu/hour."
    )
    assert "part of a system of 8 gpu" in offer["note"]


def test_whole_machine_wins_at_the_same_price_per_gpu(tmp_path: Path) -> None:
    offer = only(read(tmp_path, "aws", h100(InstanceType="p5.4xlarge", AcceleratorCount="1", Price="5", SpotPrice=""), h100()))
    assert "p5.48xlarge, 8 gpu" in offer["note"]
    assert "all at 5 USD/gpu/hour" in offer["note"]


def test_zones_are_one_region(tmp_path: Path) -> None:
    offer = only(read(tmp_path, "aws", h100(), h100(AvailabilityZone="ust1-az2", Price="44")))
    assert offer[PRICE] == "5"
    assert "Not one price in all zones: range 5 to 5.5 USD/gpu/hour." in offer["note"]


def test_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    rows = [h100(), h100(Region="us-test-2", AvailabilityZone=""), h100(AvailabilityZone="ust1-az2", Price="44")]
    ids = [
        [(offer["id"], offer[PRICE], offer["note"]) for offer in read(tmp_path / str(n), "aws", *order).offers]
        for n, order in enumerate((rows, rows[::-1]))
    ]
    assert ids[0] == ids[1]


def test_decimals_stay_decimals(tmp_path: Path) -> None:
    assert only(read(tmp_path, "aws", h100(Price="24.000000000001")))[PRICE] == "3"
    assert only(read(tmp_path / "b", "aws", h100(Price="24.8")))[PRICE] == "3.1"


# --- files --------------------------------------------------------------------------------------------------------------


def test_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="no such file or folder\n  fix: give the folder"):
        read_catalogue(tmp_path / "nowhere")


def test_folder_without_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws/images.csv").write_text("ImageId\n")
    with pytest.raises(InputFault, match="holds no price catalogue.*\n  fix: give the folder"):
        read_catalogue(tmp_path)


def test_newest_file_of_a_cloud_wins(tmp_path: Path) -> None:
    write(tmp_path, "aws/vms_2031-05-01.csv", [h100(Price="1.6")])
    write(tmp_path, "aws/vms.csv", [h100()])
    write(tmp_path, "gcp/vms_2030-01-31.csv", [h100(Price="48")])
    write(tmp_path, "gcp/vms_2031-02-01.csv", [h100(Price="56")])
    write(tmp_path, "gcp/vms_old.csv", [h100(Price="64")])
    result = read_catalogue(tmp_path)
    assert [offer[PRICE] for offer in result.offers] == ["5", "7"]
    assert "Prices of 2031-02-01." in result.offers[1]["note"]
    assert [(Path(item.file).name, item.line) for item in result.left_out] == [
        ("vms_2031-05-01.csv", 0), ("vms_2030-01-31.csv", 0), ("vms_old.csv", 0),
    ]  # fmt: skip
    assert why(result)[0] == "older than the file of this cloud that was read"
    assert "neither vms.csv nor vms_YYYY-MM-DD.csv" in why(result)[2]


def test_newest_layout_of_a_whole_repository_wins(tmp_path: Path) -> None:
    write(tmp_path, "catalogs/v5/aws/vms.csv", [h100(Price="48")])
    write(tmp_path, "catalogs/v10/aws/vms.csv", [h100()], V9)
    write(tmp_path, "catalogs/v9/aws/vms.csv", [h100(Price="56")], V9)
    write(tmp_path, "catalogs/v5/oci/vms.csv", [h100(Price="32")])
    result = read_catalogue(tmp_path)
    assert [(offer["provider"], offer[PRICE]) for offer in result.offers] == [("aws", "5"), ("oracle", "4")]
    assert "layout v10, 15 columns" in result.offers[0]["source"]
    assert len(result.left_out) == 2


@pytest.mark.parametrize("path", ["", "v9", "v9/gcp", "v9/gcp/vms.csv"])
def test_path_may_be_the_catalogue_a_layout_a_cloud_or_a_file(tmp_path: Path, path: str) -> None:
    write(tmp_path, "v9/gcp/vms.csv", [h100()])
    offer = only(read_catalogue(tmp_path / path))
    assert offer["provider"] == "google"
    assert "gcp/vms.csv:2, layout v9" in offer["source"]


# --- layouts and damage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [V5, V9, GCP, V9[::-1]], ids=["v5", "v9", "gcp", "reversed"])
def test_columns_in_any_order(tmp_path: Path, columns: Sequence[str]) -> None:
    offer = only(read(tmp_path, "aws", h100(), columns=columns))
    assert (offer[PRICE], offer["site"]) == ("5", "aws-us-test-1")
    assert f"{len(columns)} columns" in offer["source"]


@pytest.mark.parametrize("column", ["AcceleratorName", "AcceleratorCount", "Price", "Region"])
def test_missing_column_leaves_the_file_out(tmp_path: Path, column: str) -> None:
    columns = [name for name in V5 if name != column]
    result = read(tmp_path, "aws", {name: value for name, value in h100().items() if name != column}, columns=columns)
    assert result.offers == ()
    assert result.left_out == (LeftOut((tmp_path / "aws/vms.csv").as_posix(), 1, "the file", f"the column {column} is missing"),)


def test_columns_that_may_be_missing(tmp_path: Path) -> None:
    columns = ("AcceleratorName", "AcceleratorCount", "Price", "Region", "InstanceType")
    row = {name: value for name, value in h100().items() if name in columns}
    assert only(read(tmp_path, "aws", row, columns=columns))[PRICE] == "5"


def test_doubled_column_leaves_the_file_out(tmp_path: Path) -> None:
    file = tmp_path / "aws/vms.csv"
    file.parent.mkdir()
    file.write_text("AcceleratorName,AcceleratorCount,Price,Price,Region\nH100,8,40,48,us-test-1\n")
    assert why(read_catalogue(tmp_path)) == ["a column stands twice in the header"]


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws/vms.csv").write_text("")
    assert why(read_catalogue(tmp_path)) == ["the column AcceleratorName is missing"]


def test_rows_with_fewer_or_more_cells(tmp_path: Path) -> None:
    write(tmp_path, "aws/vms.csv", [h100()])
    with (tmp_path / "aws/vms.csv").open("a") as file:
        file.write("p5.48xlarge,H100,8,192.0\n\n" + "x," * 20 + "\n")
    result = read_catalogue(tmp_path)
    assert only(result)[PRICE] == "5"
    found = [(item.line, item.why) for item in result.left_out]
    assert found == [(3, "fewer cells than columns"), (5, "more cells than columns")]


def test_broken_quote_ends_the_file(tmp_path: Path) -> None:
    write(tmp_path, "aws/vms.csv", [h100()])
    with (tmp_path / "aws/vms.csv").open("a") as file:
        file.write('p5.48xlarge,"H100,8\np5.48xlarge,H100,8\n')
    result = read_catalogue(tmp_path)
    assert only(result)[PRICE] == "5"
    assert [(item.line, item.why) for item in result.left_out] == [(3, "not valid CSV from here on (check the quotes)")]


def test_line_numbers_count_quoted_line_breaks(tmp_path: Path) -> None:
    result = read(tmp_path, "aws", h100(GpuInfo="one\ntwo"), h100(Price="0.0"))
    assert [item.line for item in result.left_out] == [4]


def test_text_that_is_not_utf8_costs_its_rows_only(tmp_path: Path) -> None:
    write(tmp_path, "aws/vms.csv", [h100(), h100(Region="são-test-1")])
    file = tmp_path / "aws/vms.csv"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_text(encoding="utf-8").encode("latin-1"))
    result = read_catalogue(tmp_path)
    assert only(result)[PRICE] == "5"
    assert [(item.line, item.why) for item in result.left_out] == [(3, "not UTF-8 text")]


# --- prices -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("0.0", "a price of 0 is no price"),
        ("", "no on-demand price (at AWS: sold through capacity blocks only)"),
        ("700.0", "700.0 is a placeholder for no price"),
        ("n/a", "the price is not a number of USD"),
        ("-40", "the price is not a number of USD"),
        ("nan", "the price is not a number of USD"),
        ("1_000", "the price is not a number of USD"),
        ("1e30", "not a plausible price (0.05 to 100 USD/gpu/hour)"),
        ("0.01", "not a plausible price (0.05 to 100 USD/gpu/hour)"),
    ],
)
def test_prices_that_are_none(tmp_path: Path, price: str, reason: str) -> None:
    result = read(tmp_path, "aws", h100(Price=price, SpotPrice=""))
    assert (result.offers, why(result)) == ((), [reason])
    assert result.left_out[0].line == 2
    assert result.left_out[0].what == "p5.48xlarge 8 x H100 ust1-az1"


def test_on_demand_below_spot_is_a_discounted_price(tmp_path: Path) -> None:
    result = read(tmp_path, "aws", h100(Price="40", SpotPrice="41"), h100(Price="48", AvailabilityZone="ust1-az2"))
    assert only(result)[PRICE] == "6"
    assert why(result) == ["on-demand price below the spot price: a discounted price, not the list price"]


def test_discounted_price_of_chips_alone_is_left_out_in_every_region(tmp_path: Path) -> None:
    rows = [
        chips(Price="24", SpotPrice="31"),
        chips(Price="24", SpotPrice="9", Region="eu-test-1"),
        chips(Price="24", SpotPrice="", AcceleratorName="H200"),
        chips(Price="64", SpotPrice="22", Region="eu-test-2"),
    ]
    result = read(tmp_path, "gcp", *rows, columns=GCP)
    assert [(offer["site"], offer[PRICE]) for offer in result.offers] == [("google-eu-test-2", "8"), ("google-us-test-1", "3")]
    assert why(result)[1] == "this price is below spot in another region: a discounted price, not the list price"


def test_a_placeholder_for_spot_is_no_spot_price(tmp_path: Path) -> None:
    assert only(read(tmp_path, "gcp", h100(SpotPrice="700.0")))[PRICE] == "5"


def test_spot_equal_to_on_demand_is_kept_and_noted(tmp_path: Path) -> None:
    offer = only(read(tmp_path, "azure", h100(InstanceType="Standard_ND1", Price="40", SpotPrice="40.000")))
    assert offer[PRICE] == "5"
    assert "Spot is listed at the on-demand price: no spot price is known." in offer["note"]


# --- machines and chips -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", ["12", "12.0", "8"])
def test_known_wrong_count_is_corrected(tmp_path: Path, listed: str) -> None:
    offer = only(read(tmp_path, "azure", h100(InstanceType="Standard_ND96isr_H100_v5", AcceleratorCount=listed)))
    assert offer[PRICE] == "5"
    assert ("The catalogue counts 12 GPUs where the machine has 8." in offer["note"]) == (listed != "8")


@pytest.mark.parametrize(("count", "price"), [("8.0", "5"), ("8", "5"), ("4.0", "10")])
def test_counts_may_be_written_as_decimals(tmp_path: Path, count: str, price: str) -> None:
    assert only(read(tmp_path, "aws", h100(AcceleratorCount=count)))[PRICE] == price


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"AcceleratorCount": "0.5"}, "not a whole number of accelerators (a partition)"),
        ({"AcceleratorCount": "0"}, "not a whole number of accelerators (a partition)"),
        ({"AcceleratorCount": "many"}, "the count of accelerators is not a number"),
        ({"GpuInfo": "{'Gpus': [{'Name': 'H100', 'LogicalGpuCount': 1, 'GpuPartitionSize': 0.125}]}"}, "a partition of a gpu"),
        ({"AcceleratorName": "H100-MIG-1g"}, "an accelerator that is not in the table of known names"),
        ({"AcceleratorName": "GH200"}, "an accelerator that is not in the table of known names"),
        ({"AcceleratorName": ""}, "no accelerator"),
        ({"AcceleratorName": "A100"}, "the A100 of 40 GB, not of 80 GB"),
        ({"GpuInfo": "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 95830}}]}"}, "the same name with another size of memory"),
        ({"InstanceType": "gpu_1x_h100_pcie"}, "a PCIe or NVL card, not a module of an HGX board"),
        ({"Region": ""}, "no region"),
        ({"Region": "..."}, "a region whose name has no letters or digits"),
    ],
)
def test_rows_of_something_else(tmp_path: Path, cells: Cells, reason: str) -> None:
    result = read(tmp_path, "lambda", h100(**cells))
    assert (result.offers, why(result)) == ((), [reason])


def test_a_whole_gpu_may_say_so(tmp_path: Path) -> None:
    info = "{'Gpus': [{'GpuPartitionSize': 1.0, 'MemoryInfo': {'SizeInMiB': 81920}}]}"
    assert only(read(tmp_path, "aws", h100(GpuInfo=info)))[PRICE] == "5"


def test_a100_of_80_gb_only(tmp_path: Path) -> None:
    forty = "{'Gpus': [{'Name': 'A100', 'MemoryInfo': {'SizeInMiB': 40960}}]}"
    rows = [
        h100(AcceleratorName="A100", Price="13"),
        h100(AcceleratorName="A100-80GB", GpuInfo=forty, Price="14"),
        h100(AcceleratorName="A100-80GB", Price="16"),
    ]
    result = read(tmp_path, "oci", *rows)
    assert (only(result)["accelerator"], only(result)[PRICE]) == ("hgx_a100_8", "2")
    assert why(result) == ["the A100 of 40 GB, not of 80 GB", "the same name with another size of memory"]


def test_azure_nc_machines_hold_cards_not_boards(tmp_path: Path) -> None:
    card = h100(InstanceType="Standard_NC40ads_H100_v5", AcceleratorCount="1", Price="2")
    result = read(tmp_path, "azure", card, h100(InstanceType="Standard_ND96isr_H100_v5"))
    assert only(result)[PRICE] == "5"
    assert why(result) == ["a PCIe or NVL card, not a module of an HGX board"]


def test_plain_names_that_hide_the_form_of_the_card(tmp_path: Path) -> None:
    result = read(tmp_path, "runpod", h100(Price="16"), h100(AcceleratorName="H100-SXM"))
    assert only(result)[PRICE] == "5"
    assert why(result) == ["this cloud's plain name is the PCIe card; the SXM module is named -SXM"]
    assert why(read(tmp_path / "b", "fluidstack", h100())) == ["this cloud gives PCIe cards and SXM modules one name"]


def test_an_own_table_of_accelerators_replaces_ours(tmp_path: Path) -> None:
    write(tmp_path, "lambda/vms.csv", [h100(), h100(AcceleratorName="GH200", AcceleratorCount="1", Price="2", SpotPrice="")])
    result = read_catalogue(tmp_path, {"gh200": ["gh200"]})
    assert (only(result)["id"], only(result)[PRICE]) == ("lambda-us-test-1-gh200-list", "2")
    assert why(result) == ["an accelerator that is not in the table of known names"]
    with pytest.raises(InputFault, match="`H100` stands for two accelerators: a and b"):
        read_catalogue(tmp_path, {"a": ["h100"], "b": ["H100"]})


# --- places -------------------------------------------------------------------------------------------------------------


def test_a_zone_listed_twice_counts_once(tmp_path: Path) -> None:
    result = read(tmp_path, "aws", h100(), h100())
    assert only(result)["note"] == "List price of p5.48xlarge, 8 gpu at 40 USD/hour."
    assert [(item.line, item.why) for item in result.left_out] == [(3, "listed twice")]


@pytest.mark.parametrize("zone", ["ust1-atl2-az1", "us-test-1-atl-2a", "us-test-1-wl1-bos-wlz-1"])
def test_local_zones_are_not_the_region(tmp_path: Path, zone: str) -> None:
    result = read(tmp_path, "aws", h100(AvailabilityZone=zone, Price="16"), h100(AvailabilityZone="us-test-1b"))
    assert only(result)[PRICE] == "5"
    assert why(result) == ["a local zone, not the region itself"]


def test_upper_and_lower_case_are_one_place(tmp_path: Path) -> None:
    rows = [h100(AvailabilityZone="us-test-1-AD-1"), h100(Region="US-TEST-1", AvailabilityZone="US-TEST-1-AD-1")]
    result = read(tmp_path, "oci", *rows)
    assert only(result)["site"] == "oracle-us-test-1"
    assert why(result) == ["listed twice"]


# --- GCP: chips and their hosts -----------------------------------------------------------------------------------------


def test_chips_without_their_machine_are_flagged(tmp_path: Path) -> None:
    offer = only(read(tmp_path, "gcp", chips(), columns=GCP))
    assert offer[PRICE] == "5"
    assert offer["note"] == "List price of H100, 8 gpu at 40 USD/hour. The host VM is not included: it is priced apart."


def test_a_host_that_the_file_prices_is_added(tmp_path: Path) -> None:
    host = {"InstanceType": "a3-highgpu-8g", "Region": "us-test-1", "AvailabilityZone": "us-test-1-a"}
    mega = chips(AcceleratorName="H100-MEGA", Price="36")  # cheaper, but its host is not priced: not comparable
    result = read(tmp_path, "gcp", chips(), mega, host | {"Price": "8"}, host | {"Price": "9"}, host | {"Price": ""}, columns=GCP)
    offer = only(result)
    assert offer[PRICE] == "6"
    assert offer["note"] == "List price of H100, 8 gpu at 48 USD/hour. With the host VM a3-highgpu-8g at 8 USD/hour."
    assert set(why(result)) == {"the host of accelerators that are priced apart"}


@pytest.mark.parametrize(("name", "price"), [("tpu-v6e-1", "2"), ("tpu-v6e-256", "512")])
def test_a_tpu_counts_chips_by_its_name(tmp_path: Path, name: str, price: str) -> None:
    row = chips(AcceleratorName=name, AcceleratorCount="1.0", Price=price, SpotPrice="1")
    offer = only(read(tmp_path, "gcp", row, columns=GCP))
    assert (offer["accelerator"], offer[PRICE]) == ("tpu_v6e_pod256", "2")
    assert offer["note"].endswith("Price of the TPU with its host.")


def test_a_tpu_named_by_its_cores_has_half_as_many_chips(tmp_path: Path) -> None:
    row = chips(AcceleratorName="tpu-v5p-8", AcceleratorCount="1", Price="12", SpotPrice="4")
    write(tmp_path, "gcp/vms.csv", [row, row | {"AcceleratorName": "tpu-v99-8"}], GCP)
    result = read_catalogue(tmp_path, {"v5p": ["tpu-v5p"], "v99": ["tpu-v99"]})
    assert only(result)[PRICE] == "3"
    assert why(result) == ["whether the number in this TPU's name counts chips or cores is not known"]
