"""Timer triggers in a running host: at start, by schedule, never beside themselves, drained."""

from pathlib import Path

from tests.integration.functions_host.hosting import App, running, until


async def test_timers_fire_by_schedule_and_not_beside_themselves(tmp_path: Path) -> None:
    """runOnStartup fires at once, the schedule each second; a held timer does not fire again."""
    app = App(tmp_path, "timer", {"SCHEDULE": "* * * * * *"})
    with running(app) as host:
        await until(lambda: app.calls("timer").count("tick") >= 4, host)
        assert app.calls("timer").count("long begins") == 1
        app.release()
        await until(lambda: app.calls("timer").count("long begins") >= 2, host)


async def test_a_signal_lets_a_running_timer_end(tmp_path: Path) -> None:
    """SIGTERM: the held timer ends, then the process, with 0."""
    app = App(tmp_path, "timer", {"SCHEDULE": "* * * * * *"})
    with running(app) as host:
        await until(lambda: "long begins" in app.calls("timer"), host)
        host.signal()
        await until(lambda: "draining" in host.text(), host)
        app.release()
        assert await host.ended() == 0
    assert app.calls("timer").count("long ends") == 1


async def test_a_missing_setting_of_a_schedule_is_named(tmp_path: Path) -> None:
    """The host does not start: function, setting and file are named, without a traceback."""
    app = App(tmp_path, "timer")
    with running(app) as host:
        assert await host.ended() == 2
    assert "function tick: the setting SCHEDULE is absent" in host.text()
    assert "Traceback" not in host.text()
