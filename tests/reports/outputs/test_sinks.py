import sqlite3
import sys

import pytest

from advwindow.errors import MissingExtraError
from advwindow.reports.outputs.sinks import MlflowSink, TensorBoardSink, send
from tests.reports.runs import ATTACKS, Shape, make_run

# What the trackers warn of while they are imported is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def small(tmp_path):
    return make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:4]))


class Recorder:
    def __init__(self):
        self.cells = []

    def cell_done(self, run, spec):
        self.cells.append(spec.cell_id)
        return len(self.cells) > 1


def test_a_sink_is_told_of_finished_cells_in_order(tmp_path):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:3]), missing=1)
    sink = Recorder()
    assert send(run, sink) == 1
    assert sink.cells == [spec.cell_id for spec in run.specs[:2]]


@pytest.mark.parametrize(
    ("module", "make"),
    [("mlflow", lambda path: MlflowSink(f"sqlite:///{path}/m.db")), ("tensorboard", TensorBoardSink)],
)
def test_a_missing_package_is_told_with_its_extra(tmp_path, monkeypatch, module, make):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'advwindow\[{module}\]'"):
        make(tmp_path)


def test_tensorboard_holds_the_curves(small, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert send(small, TensorBoardSink(tmp_path / "events")) == 2
    assert send(small, TensorBoardSink(tmp_path / "events")) == 0
    spec = small.specs[1]
    (folder,) = (tmp_path / "events").glob(f"*{spec.cell_id}")
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    drawn = events.Scalars("alignment/attack")
    rows = small.table(spec, "layers").filter(condition="attack").sort("depth")
    assert [event.step for event in drawn] == rows["depth"].to_list()
    assert [event.value for event in drawn] == pytest.approx(rows["alignment"].to_list(), rel=1e-6)
    (robust,) = events.Scalars("robust_accuracy")
    assert robust.value == pytest.approx(small.summary(spec)["robust_accuracy"])


def test_events_of_a_killed_process_are_written_anew(small, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path / "events"
    with monkeypatch.context() as patched:
        patched.setattr(SummaryWriter, "add_scalar", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send(small, TensorBoardSink(folder))
    assert list(folder.iterdir()) == []
    spec = small.specs[0]
    sent = send(small, TensorBoardSink(folder))
    (whole,) = folder.glob(f"*{spec.cell_id}")
    whole.rename(folder / f".tmp-0123abcd-{whole.name}")
    assert (sent, send(small, TensorBoardSink(folder))) == (2, 1)
    assert len(list(folder.iterdir())) == 2


def test_a_half_sent_run_of_mlflow_gives_way_to_the_whole(small, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    import mlflow

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, "set_terminated", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send(small, MlflowSink(uri))
    assert send(small, MlflowSink(uri)) == 2
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("advwindow").experiment_id
    assert sorted(run.info.status for run in client.search_runs([experiment])) == ["FINISHED"] * 2


def test_mlflow_holds_the_curves(small, tmp_path):
    pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert send(small, MlflowSink(uri)) == 2
    assert send(small, MlflowSink(uri)) == 0
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    spec = small.specs[1]
    experiment = client.get_experiment_by_name("advwindow").experiment_id
    (found,) = client.search_runs([experiment], f"tags.`advwindow.cell` = '{spec.cell_id}'")
    assert found.data.params["eps"] == "8/255"
    assert found.data.metrics["robust_accuracy"] == small.summary(spec)["robust_accuracy"]
    history = sorted(client.get_metric_history(found.info.run_id, "drift/attack"), key=lambda metric: metric.step)
    rows = small.table(spec, "layers").filter(condition="attack").sort("depth")
    assert [metric.value for metric in history] == pytest.approx(rows["drift"].to_list())
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone() == (2,)
