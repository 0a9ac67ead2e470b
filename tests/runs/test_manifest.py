import json
import subprocess

from advwindow.runs import make_manifest


def test_manifest_is_plain_json_and_names_the_command():
    manifest = make_manifest(command=["advwindow", "attack", "a b.toml"])
    assert manifest["command"] == "advwindow attack 'a b.toml'"
    assert json.loads(json.dumps(manifest)) == manifest
    assert "torch" in manifest["versions"]


def test_passwords_in_addresses_are_not_kept():
    told = make_manifest(command=["advwindow", "--mlflow", "postgresql://me:s3cret@host:5432/db"])["command"]
    assert told == "advwindow --mlflow 'postgresql://me:***@host:5432/db'"
    plain = ["advwindow", "--mlflow", "sqlite:///a/b.db", "--images", "folder:a@b"]
    assert make_manifest(command=plain)["command"] == " ".join(plain)


def test_git_state_is_that_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_manifest()["git"] == {}
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert make_manifest()["git"]["dirty"] is False
    (tmp_path / "new").write_text("x")
    assert make_manifest()["git"]["dirty"] is True
    assert len(make_manifest()["git"]["commit"]) == 40
