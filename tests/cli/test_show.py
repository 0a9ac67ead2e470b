from advwindow.cli.show import show
from tests.reports.runs import ATTACKS, Shape, make_run


def test_a_run_or_one_of_its_layers_is_shown(tmp_path, capsys):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[3:4]))
    show(run.path)
    assert "PGD L∞ 8/255" in capsys.readouterr().out
    show(run.path, layer=["head"])
    shown = capsys.readouterr().out
    assert "head (layer 17 of 17)" in shown
    assert "blocks.15" not in shown
