"""Workers, schedules and tasks beside the server."""

from tests.cluster.conftest import MakeSite
from tests.cluster.harness import SECONDS


async def test_a_schedule_runs_and_a_worker_runs_beside_the_server(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("timed")
    schedules = {"tick": {"cron": "* * * * *", "command": "echo tick; exit 4", "seconds": 30}}
    workers = {"mail": {"command": "node server.js worker", "replicas": 2}}
    await site.live(image, schedules=schedules, workers=workers)
    found = await site.until_runs(
        lambda found: sum(r["process"] == "mail" and r["ready"] for r in found["replicas"]) == 2
    )
    assert sum(one["process"] == "web" for one in found["replicas"]) == 1

    def has_run(page: dict[str, list[dict[str, list[dict[str, object]]]]]) -> bool:
        return any(run["exit_code"] is not None for run in page["items"][0]["runs"])

    page = await site.until(f"projects/{site.project}/schedules", has_run, SECONDS)
    run = next(run for run in page["items"][0]["runs"] if run["exit_code"] is not None)
    assert (page["items"][0]["name"], run["exit_code"], run["state"]) == ("tick", 4, "failed")


async def test_a_task_gives_its_exit_code_and_a_canceled_one_leaves_no_pod(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("once")
    await site.live(image)
    tasks = f"projects/{site.project}/tasks"
    task = (await site.client.post(tasks, json={"command": "echo out; exit 5"})).json()
    found = await site.until(f"tasks/{task['id']}", lambda found: bool(found["finished_at"]))
    assert (found["state"], found["exit_code"]) == ("failed", 5)
    task = (await site.client.post(tasks, json={"command": "sleep 600"})).json()
    await site.until(f"tasks/{task['id']}", lambda found: found["state"] == "running")
    await site.client.post(f"tasks/{task['id']}/cancel")
    found = await site.until(f"tasks/{task['id']}", lambda found: bool(found["finished_at"]))
    assert found["state"] == "canceled"
    assert await site.pods("task") == []
