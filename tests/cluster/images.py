"""Images for the cluster, made by buildah and pushed to the registry that TEST_REGISTRY names."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SERVER = Path(__file__).with_name("server.js")


def unavailable() -> str:
    """Why there is no cluster to test on; empty where there is one."""
    if os.environ.get("ASTROCLOUD_TEST_CLUSTER") != "1" or not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG and ASTROCLOUD_TEST_CLUSTER=1 name no Kubernetes to test on"
    if not os.environ.get("TEST_REGISTRY"):
        return "TEST_REGISTRY names no registry that the cluster pulls from"
    missing = [name for name in ("buildah", "kubectl") if not shutil.which(name)]
    return f"{' and '.join(missing)} missing: no image can be made, or the cluster asked" * bool(
        missing
    )


def built(tag: str, version: str = "one", *, express: bool = False) -> str:
    """Build the server that says this version, push it, and give its reference by tag."""
    reference = f"{os.environ['TEST_REGISTRY']}/cluster/app:{tag}"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(SERVER, folder)
        install = ""
        if express:
            Path(folder, "server.js").write_text(_EXPRESS)
            install = "RUN npm install --no-audit --no-fund express@5.3.0\n"
        Path(folder, "Dockerfile").write_text(
            f"FROM node:22-slim\nWORKDIR /app\n{install}COPY server.js .\nENV VERSION={version}\n"
            'USER 1000\nCMD ["node", "server.js"]\n'
        )
        _run("buildah", "bud", "--quiet", "--layers", "--tag", reference, folder)
        _run("buildah", "push", "--quiet", "--tls-verify=false", reference)
    return reference


_EXPRESS = """
const app = require("express")();
app.get("/", (_, answer) => answer.set("X-Pod", process.env.HOSTNAME).send(process.env.VERSION));
const server = app.listen(process.env.PORT);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
"""


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} {command[1]} failed: {done.stderr}")
