"""Runs a build as stages of a Dockerfile: one call of the engine a phase.

Which phase is at work is therefore known by us and cannot be told by what commands print; the
exit code is the engine's. Where the Dockerfile comes from is the plan's business.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infrastructure.local.runner.containers.bounds import BoundBroken
from infrastructure.local.runner.containers.context import laid_out
from infrastructure.local.runner.containers.engines import Engine
from infrastructure.local.runner.containers.groups import Group, group_of, make_group
from infrastructure.local.runner.containers.images import BaseImages
from infrastructure.local.runner.containers.own import (
    BaseImageUnavailable,
    build_own,
    fetch_images,
    read_own,
)
from infrastructure.local.runner.containers.plan import LAYERS, Plan, plan_of
from infrastructure.local.runner.containers.registry import Registry
from infrastructure.local.runner.containers.shipping import NO_REGISTRY, ship, tagged
from infrastructure.local.runner.containers.steps import OUTPUT, EngineFailed, Steps
from infrastructure.local.runner.executor import (
    Built,
    RunLog,
    SandboxUnavailable,
    Tools,
    ToolsUnavailable,
    Work,
)
from shared.builders.dockerfiles import DockerfileRefused, SpecNotSupported
from shared.builders.dockerfiles.images import REGISTRY
from shared.builders.dockerfiles.static import OUTPUT_LINK, OUTPUT_MISSING, OUTPUT_NO_FOLDER
from shared.builders.port import BuildJob, Phase

__all__ = ["LAYERS", "ContainerExecutor", "ImageToolchains"]

_END_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_LAST_LINES = 6


class ImageToolchains:
    """Languages and package managers come with the image: nothing is installed here."""

    async def prepare(self, job: BuildJob, log: RunLog) -> Tools:
        """Nothing."""
        return Tools()

    async def release(self) -> None:
        """Nothing was prepared."""


class ContainerExecutor:
    """Builds with one engine; ``folder`` is where base images are kept.

    ``marker`` is in the environment of every engine, so that it is found when we were killed.
    ``push_to`` is where images of servers go; without one only sites are built.
    With ``allow_chroot`` false, an engine that keeps commands apart by a changed root only is
    refused: enough on a developer's machine, not between strangers.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        *,
        marker: str = "",
        registry: str = REGISTRY,
        allow_chroot: bool = True,
        push_to: Registry | None = None,
    ) -> None:
        self.engine = engine
        self._push_to = push_to
        self._images = BaseImages(folder.absolute(), engine)
        self._marker = marker
        self._registry = registry
        self._allow_chroot = allow_chroot

    async def build(self, work: Work) -> Built:
        """Run the commands; when this returns, raises or is canceled, no process is alive."""
        if work.job.spec.kind == "dynamic" and self._push_to is None:
            return Built(reason="image_not_pushed", detail=NO_REGISTRY)
        self._check_isolation(work.log)
        try:
            plan = plan_of(work, self.engine, self._registry)
        except SpecNotSupported as refused:
            return Built(reason="tools_unavailable", detail=refused.detail)
        await _end_leftovers(work.job.key)
        if not self.engine.has_daemon:
            for image in plan.base_images:
                await self._images.ensure(image, work.log)
        with _group(work) as group:
            return await self._build(work, plan, group)

    def _check_isolation(self, log: RunLog) -> None:
        if not self.engine.is_chroot:
            return
        if not self._allow_chroot:
            raise SandboxUnavailable(
                "BUILDAH_ISOLATION is chroot, which does not keep builds of strangers apart."
                " Next: unset it, so that containers of the kernel are used."
            )
        log.say("Warning: BUILDAH_ISOLATION is chroot, which keeps builds apart only weakly.")

    async def _build(self, work: Work, plan: Plan, group: Group | None) -> Built:
        steps = Steps(
            self.engine, work, self._images.store, group, self._marker, keeps_all=plan.is_own
        )
        try:
            with laid_out(work.source, work.scratch, plan.manifests):
                try:
                    await steps.open(plan.dockerfile)
                    return await self._stages(work, plan, steps)
                finally:
                    await steps.close()
        except SpecNotSupported as refused:
            return Built(reason="tools_unavailable", detail=refused.detail)

    async def _stages(self, work: Work, plan: Plan, steps: Steps) -> Built:
        """Once, or twice where the layers of earlier builds turn out to be broken."""
        try:
            try:
                return await self._once(work, plan, steps)
            except EngineFailed as failed:
                if not steps.is_kept or _is_full(failed):
                    raise
                work.log.say(f"Layers of earlier builds cannot be used: {failed}")
                work.log.say("Building again without them.")
                await steps.clear()
                return await self._once(work, plan, steps)
        except EngineFailed as failed:
            return _engine_failed(self.engine, failed)

    async def _once(self, work: Work, plan: Plan, steps: Steps) -> Built:
        phase: Phase | None = None
        try:
            await self._prepare(work, plan, steps)
            for planned in plan.phases:
                phase = planned.phase
                work.log.begin(phase)
                work.log.say(f"$ {planned.command}")
                code = await steps.call(planned.stage, work.log.write)
                if built := _ended(phase, code):
                    return built
            if self._push_to is None or work.job.spec.kind == "static":
                return await _collect(work, steps, phase)
            phase = phase if plan.finish and phase else "build"
            return await self._image(work, plan, steps, self._push_to, phase)
        except BoundBroken as broken:
            return Built(phase=phase, reason=broken.reason, detail=broken.detail)

    async def _image(
        self, work: Work, plan: Plan, steps: Steps, registry: Registry, phase: Phase
    ) -> Built:
        """The image of a server, from the stages before or from a Dockerfile of the user's."""
        reference = tagged(registry, work.job)
        if plan.is_own:
            work.log.begin(phase)
            built = await self._own(work, steps, registry, reference)
        else:
            built = await _finish(plan, steps, reference, phase)
        return built or await ship(steps, registry, phase)

    async def _own(
        self, work: Work, steps: Steps, registry: Registry, reference: str
    ) -> Built | None:
        """Build a user's Dockerfile; what kept it from an image, or None."""
        try:
            own = read_own(
                steps.moved, registry, may_cache=not self.engine.has_daemon or self._allow_chroot
            )
            work.log.say(f"Building {own.name} with {self.engine.name}.")
            await fetch_images(own, steps, self._images)
            # What a daemon has built of other projects is not to be read by this one.
            shares = self.engine.has_daemon and not self._allow_chroot
            code = await build_own(own, steps, reference, fresh=work.job.fresh or shares)
        except DockerfileRefused as refused:
            return Built(phase="build", reason="dockerfile_refused", detail=refused.detail)
        except BaseImageUnavailable as missing:
            return Built(phase="build", reason="base_image_unavailable", detail=str(missing))
        return _ended("build", code)

    async def _prepare(self, work: Work, plan: Plan, steps: Steps) -> None:
        """The stage without commands of the project."""
        if plan.preparation is None:
            return
        work.log.say(f"Building with {self.engine.name} on {plan.tools}.")
        last: deque[str] = deque(maxlen=_LAST_LINES)

        def keep(data: bytes) -> None:
            last.extend(data.decode("utf-8", "replace").splitlines())

        code = await steps.call(plan.preparation, keep)
        if code:
            said = "\n".join(line for line in last if line.strip())
            raise ToolsUnavailable(
                f"{plan.tools} could not be made ready:\n{said}\nNext: check that this version"
                " exists and that the package registry can be reached."
            )


async def _finish(plan: Plan, steps: Steps, reference: str, phase: Phase) -> Built | None:
    """Take away what only the build needed, and make the image."""
    log = steps.work.log
    log.say("Making the image.")
    if plan.finish and (code := await steps.call(plan.finish, log.write)):
        return Built(phase=phase, exit_code=code, reason="command")
    if code := await steps.image(lambda data: None, reference):
        raise EngineFailed(f"the last stage of the image ended with code {code}")
    return None


async def _collect(work: Work, steps: Steps, phase: Phase | None) -> Built:
    """Take the output out of the last stage; nothing of it is run."""
    code = await steps.call(None, lambda data: None, output=True)
    if code == 0:
        return Built(output=work.scratch / OUTPUT, phase=phase, exit_code=0)
    name = work.job.spec.output or "."
    if code == OUTPUT_LINK:
        return Built(
            phase=phase,
            reason="output_link",
            detail=f"The output folder {name} is a link, or lies behind one."
            " Next: let the build write a folder.",
        )
    if code in {OUTPUT_MISSING, OUTPUT_NO_FOLDER}:
        problem = "is not there" if code == OUTPUT_MISSING else "is no folder"
        return Built(
            phase=phase,
            reason="output_missing",
            detail=f"After the build the output folder {name} {problem}."
            " Next: set output to the folder that the build writes.",
        )
    raise EngineFailed(f"the output could not be taken out of the image (code {code})")


def _ended(phase: Phase, code: int) -> Built | None:
    """What a command's end means; None where the next phase comes."""
    if phase == "ignore":
        return Built(phase=phase, exit_code=0, reason="ignored") if code == 0 else None
    return Built(phase=phase, exit_code=code, reason="command") if code else None


def _is_full(failed: EngineFailed) -> bool:
    return "no space left on device" in str(failed).lower()


def _engine_failed(engine: Engine, failed: EngineFailed) -> Built:
    if _is_full(failed):
        return Built(
            reason="disk_full",
            detail="The disk of the machine that builds is full."
            " Next: make room there, then deploy again.",
        )
    return Built(
        reason="tools_unavailable",
        detail=f"{engine.name} could not build: {failed}."
        " Next: try again; where it stays so, look at the engine on the machine that builds.",
    )


@contextmanager
def _group(work: Work) -> Iterator[Group | None]:
    bounds = work.job.bounds
    group = make_group(work.job.key, bounds.memory_bytes, bounds.processes)
    try:
        yield group
    finally:
        if group:
            group.remove()


async def _end_leftovers(key: str) -> None:
    """End what an earlier run of the same key left, where it was killed with its namespace kept."""
    group = group_of(key)
    if group is None:
        return
    async with asyncio.timeout(_END_SECONDS):
        while not group.remove():
            group.end()
            await asyncio.sleep(_LOOK_SECONDS)
