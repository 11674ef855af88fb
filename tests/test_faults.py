"""What a user can get wrong in files and names, kind by kind: said with its place, at once, and nothing read that has no end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from planner.core.errors import Finding, InputFault, Location, told_once
from planner.inputs import document
from planner.run import pipeline
from tests.command import ROOT, planner
from tests.small import plan, scenario

CLASSROOM = (ROOT / "inputs" / "classroom.toml").read_text("utf-8")


def own(tmp_path: Path, text: str = 'schema = 1\nextends = "classroom"\nprofiles = ["profiles"]\n') -> Path:
    (tmp_path / "profiles").mkdir()
    path = tmp_path / "s.toml"
    path.write_text(text, "utf-8")
    return path


LOOKS = ["offers.CSV", "offers.tsv", "Offers.csv", "offers (1).csv", "offer.csv", "offers.xlsx", "sites.parquet"]
LOOKS += ["site-power.csv", "offers", "export_rules.csv.gz"]


@pytest.mark.parametrize("name", LOOKS)
def test_what_looks_like_a_table_and_is_not_read_is_refused(name: str, tmp_path: Path) -> None:
    path = own(tmp_path)
    (tmp_path / "profiles" / name).write_text("id\n", "utf-8")
    done = planner("check", path)
    assert done.code == 1 and f"{name}: is no table of the planner and would not be read" in done.err


@pytest.mark.skipif(os.name == "nt", reason="pipes")
@pytest.mark.parametrize("kind", ["a link to nothing", "a folder", "a pipe or device"])
def test_a_table_that_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = own(tmp_path)
    table = tmp_path / "profiles" / "offers.csv"
    if kind == "a folder":
        table.mkdir()
    elif kind == "a link to nothing":
        table.symlink_to("nowhere")
    else:
        os.mkfifo(table)
    done = planner("check", path)
    assert done.code == 1 and f"offers.csv: bears the name of a table and is {kind}" in done.err


def test_other_files_beside_tables_are_no_fault(tmp_path: Path) -> None:
    path = own(tmp_path)
    for name in ("README.md", "offers.csv.orig", "notes.txt", "prices.xlsx"):
        (tmp_path / "profiles" / name).write_text("x", "utf-8")
    assert planner("check", path).code == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    huge, pipe = tmp_path / "huge.toml", tmp_path / "pipe.toml"
    with huge.open("wb") as out:
        out.truncate(10 * 2**30)
    assert "huge.toml: is 10,737 MB; at most 20 MB are read" in planner("check", huge).err
    os.mkfifo(pipe)
    with pytest.raises(InputFault, match="is no file"):
        document.read_text(pipe)
    with pytest.raises(InputFault, match="is no file"):
        document.read_text(Path("/dev/zero"))


def test_a_chain_of_scenarios_has_an_end(tmp_path: Path) -> None:
    for i in range(1200):
        (tmp_path / f"s{i}.toml").write_text(f'extends = "s{i + 1}.toml"\n', "utf-8")
    (tmp_path / "s1200.toml").write_text(CLASSROOM, "utf-8")
    done = planner("check", tmp_path / "s0.toml")
    assert done.code == 1 and "of a chain that extend each other" in done.err and "s100.toml:1" in done.err
    assert planner("check", tmp_path / "s1150.toml").code == 0


def test_a_key_of_a_thousand_parts() -> None:
    done = planner("check", "classroom", "--set", f"limits{'.a' * 3000}=1")
    assert done.code == 1 and "a key of 3,001 parts names nothing" in done.err and len(done.err) < 2000


def test_numbers_of_options_have_an_end() -> None:
    assert planner("frontier", "classroom", "--points", "99999999999999999999").code == 2


# --- names -------------------------------------------------------------------------------------------------------------


def warnings(name: str, *overrides: str) -> str:
    return "\n".join(map(str, pipeline.prepare(name, overrides)[1]))


def test_a_tenant_that_no_rule_knows() -> None:
    assert "knows the tenant `openaii`" in warnings("export-diffusion", "export_control.tenant=openaii")
    assert "tenant" not in warnings("export-diffusion")


def test_a_party_that_is_nobody() -> None:
    told = warnings("export-diffusion", "export_rule.US-2025-01-DIFF-CAP.party=nobody")
    assert "party `nobody` is no provider or operator" in told


def test_a_licence_for_nowhere() -> None:
    licence = 'licence = [{ id = "L", destination = "ZZ", quantity = "10 gpu" }]'
    assert "country or group `ZZ` is not known" in warnings("export-diffusion", licence)


def test_rows_of_providers_left_out_need_no_provider(tmp_path: Path) -> None:
    """An imported catalogue has clouds that a scenario does not plan with."""
    more = '[[offer]]\nid = "x"\nprovider = "nowhere"\naccelerator = "a"\nprice = "1 USD/gpu/hour"\n'
    with pytest.raises(InputFault, match="provider `nowhere` is not known"):
        plan(scenario(more=more))
    assert plan(scenario(more=more, policy='[select]\nproviders = ["p"]')).status == "optimal"


# --- groups as countries -------------------------------------------------------------------------------------------------

PLACES = """
[[country]]
iso2 = "DE"
groups = ["EEA"]
[[provider]]
id = "q"
[[site]]
id = "z"
provider = "q"
country = "DE"
grid = "g"
pue = 1.25
[[site_power]]
site = "z"
from = 2026-01-01
power = "10 MW"
[[offer]]
id = "dear"
provider = "q"
accelerator = "a"
price = "3 USD/gpu/hour"
"""


def test_a_group_stands_for_its_countries() -> None:
    """At home in the EEA the work takes the dear offer there: 100 gpu at 3 USD for 8,760 hours."""
    workload = '[[workload]]\nid = "w"\nkind = "training"\ndemand = "200 h100e"\ncountries = ["EEA"]'
    assert plan(scenario(more=PLACES, workload=workload)).totals["cost_usd"] == pytest.approx(100 * 3 * 8760)
    with pytest.raises(InputFault, match="country `EEE` is not known"):
        plan(scenario(more=PLACES, workload=workload.replace("EEA", "EEE")))


# --- many alike ----------------------------------------------------------------------------------------------------------


def test_equal_faults_are_told_once_with_their_number(tmp_path: Path) -> None:
    path = own(tmp_path)
    head = "site,from,power [MW],source,confidence\n"
    rows = "".join(f"Alibaba Zhangbei {i},9/{i + 1}/2016,{i},x,reported\n" for i in range(25))
    (tmp_path / "profiles" / "site_power.csv").write_text(head + rows, "utf-8")
    done = planner("check", path)
    told = [line for line in done.err.splitlines() if "site_power.csv" in line]
    assert done.code == 1 and len(told) == 2
    assert all("(and 24 more like it in this column, up to line 26)" in line for line in told)
    assert "2016-09-01 if this is month/day/year" in done.err and "e.g. `alibaba-zhangbei-0`" in done.err


def test_few_or_unlike_findings_stay_apart() -> None:
    few = [Finding(Location("f", i, f"x{i}.a"), f"`{i}` is odd") for i in (1, 2, 3)]
    other = [Finding(Location("f", 9, "x.b"), "`1` is odd"), Finding(Location("g", 1, "x.a"), "`1` is odd")]
    assert len(told_once([*few, *other])) == 5
    assert len(told_once([*few, *other, Finding(Location("f", 7, "x7.a"), "`7` is odd")])) == 3
