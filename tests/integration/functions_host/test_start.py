"""Starting a host: whose code runs, and how what cannot be run is told."""

from pathlib import Path

from tests.integration.functions_host.hosting import App, running

IMPORTING = """
import azure.functions as func
from functions.own import VALUE
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
print("imported", VALUE)
"""


async def test_functions_and_shared_are_those_of_the_staged_app(tmp_path: Path) -> None:
    """Though the host itself is imported from a checkout that has folders of these names."""
    app = App(tmp_path, "http")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "__init__.py").write_text("")
    (tmp_path / "functions" / "own.py").write_text("VALUE = 'the staged one'\n")
    (tmp_path / "function_app.py").write_text(IMPORTING)
    with running(app) as host:
        await host.ready()
        assert "imported the staged one" in host.text()


async def test_an_unsupported_feature_stops_the_start_and_is_named(tmp_path: Path) -> None:
    """Function and feature in one sentence, no traceback, exit code 2."""
    app = App(tmp_path, "http")
    code = (tmp_path / "function_app.py").read_text()
    (tmp_path / "function_app.py").write_text(
        code.replace("AuthLevel.ANONYMOUS", "AuthLevel.ADMIN")
    )
    with running(app) as host:
        assert await host.ended() == 2
    assert "function echo: authLevel ADMIN is not supported" in host.text()
    assert "Traceback" not in host.text()


async def test_an_app_that_cannot_be_imported_shows_why(tmp_path: Path) -> None:
    """A mistake in the app's own code needs its traceback."""
    app = App(tmp_path, "http")
    (tmp_path / "function_app.py").write_text("import not_there\n")
    with running(app) as host:
        assert await host.ended() == 1
    assert "ModuleNotFoundError: No module named 'not_there'" in host.text()


async def test_a_folder_without_an_app_is_named_with_the_remedy(tmp_path: Path) -> None:
    """Staging is what makes one."""
    app = App(tmp_path, "http")
    (tmp_path / "function_app.py").unlink()
    with running(app) as host:
        assert await host.ended() == 2
    assert "run python -m infrastructure.packaging" in host.text()
