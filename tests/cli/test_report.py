import json

from advwindow.cli.report import report
from tests.reports.runs import ATTACKS, Shape, make_run


def test_other_outputs_come_without_a_pdf(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4]))
    files = {kind: tmp_path / f"x.{kind}" for kind in ("json", "markdown", "latex")}
    report(run.path, **files)
    assert json.loads(files["json"].read_text(encoding="utf-8"))["studies"]
    assert files["markdown"].read_text(encoding="utf-8").startswith("# Report")
    assert "tab:attacks-1" in files["latex"].read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "reports").exists()
