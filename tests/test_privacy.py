import pytest

from advwindow.privacy import without_password


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("postgresql://me:s3cr:et@host/db", "postgresql://me:***@host/db"),
        ("at https://me:secret@host:5000, twice https://x:y@z", "at https://me:***@host:5000, twice https://x:***@z"),
        ("https://host:5000/a@b", "https://host:5000/a@b"),
        ("mysql://me:s3@cret@host/db", "mysql://me:***@host/db"),
        ("'postgresql:///db?user=me&Password=s3cret&x=1'", "'postgresql:///db?user=me&Password=***&x=1'"),
        ("sqlite:///folder/mlflow.db", "sqlite:///folder/mlflow.db"),
    ],
)
def test_passwords_are_never_told(text, wanted):
    assert without_password(text) == wanted
