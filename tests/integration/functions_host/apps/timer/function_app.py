"""Two timers: one at start and each second, one that never ends in time."""

import azure.functions as func
from recording import held, record

app = func.FunctionApp()


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%", run_on_startup=True)
async def tick(timer: func.TimerRequest) -> None:
    """Record each firing."""
    record(timer="tick", past_due=timer.past_due)


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
async def long(timer: func.TimerRequest) -> None:
    """Hold up its own next firing."""
    record(timer="long begins")
    await held()
    record(timer="long ends")
